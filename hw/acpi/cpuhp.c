#include "hw/acpi/cpuhp.h"

#include "hw/core/machine.h"
#include "migration/vmstate.h"
#include "target/i386/cpu.h"

enum { CPUHP_PORT = 0xcd8, LEGACY_LENGTH = 32, LENGTH = 12 };
enum { REG_SELECTOR = 0, REG_DATA2 = 0, REG_STATUS = 4, REG_COMMAND = 5, REG_DATA = 8 };
enum { STATUS_ENABLED = 1, STATUS_INSERTING = 2, STATUS_REMOVING = 4 };
enum { COMMAND_NEXT_EVENT, COMMAND_OST_EVENT, COMMAND_OST_STATUS, COMMAND_ARCH_ID };

static ICH9CpuHpSlot *selected(ICH9PMRegs *pm)
{
    return pm->cpuhp_selector < pm->cpuhp_slots ? &pm->cpuhp[pm->cpuhp_selector] : NULL;
}

static uint8_t present_byte(unsigned offset)
{
    uint8_t bits = 0;

    for (unsigned i = 0; i < x86_cpu_count(); i++) {
        unsigned id = x86_cpu_by_index(i)->apic_id;

        if (id / 8 == offset) {
            bits |= 1u << id % 8;
        }
    }
    return bits;
}

static uint64_t cpuhp_read(void *opaque, hwaddr offset, unsigned size)
{
    ICH9PMRegs *pm = opaque;
    const ICH9CpuHpSlot *slot = selected(pm);

    if (pm->cpu_hotplug_legacy) {
        return size == 1 ? present_byte((unsigned)offset) : 0;
    }
    if (!slot || offset >= LENGTH) {
        return 0;
    }
    switch (offset) {
    case REG_STATUS:
        return (pm->cpuhp_selector < x86_cpu_count() ? STATUS_ENABLED : 0) | (slot->is_inserting ? STATUS_INSERTING : 0) |
               (slot->is_removing ? STATUS_REMOVING : 0);
    case REG_DATA:
        return pm->cpuhp_command == COMMAND_NEXT_EVENT ? pm->cpuhp_selector
               : pm->cpuhp_command == COMMAND_ARCH_ID  ? x86_apic_id(&current_machine->smp, pm->cpuhp_selector)
                                                       : 0;
    default:
        return 0;       /* the upper half of an id, too */
    }
}

/* Selects the next CPU after the selected one, round and round, that has something to tell. */
static void next_event(ICH9PMRegs *pm)
{
    uint32_t i = pm->cpuhp_selector;

    do {
        if (pm->cpuhp[i].is_inserting || pm->cpuhp[i].is_removing) {
            pm->cpuhp_selector = i;
            return;
        }
        i = i + 1 < pm->cpuhp_slots ? i + 1 : 0;
    } while (i != pm->cpuhp_selector);
}

static void cpuhp_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ICH9PMRegs *pm = opaque;
    ICH9CpuHpSlot *slot;

    if (pm->cpu_hotplug_legacy) {
        pm->cpu_hotplug_legacy = false;     /* the bitmap is never written but to say this */
        return;
    }
    if (offset == REG_SELECTOR) {
        pm->cpuhp_selector = (uint32_t)value;
        return;
    }
    slot = selected(pm);
    if (!slot) {
        return;
    }
    if (offset == REG_STATUS) {
        if (value & STATUS_INSERTING) {
            slot->is_inserting = false;
        } else if (value & STATUS_REMOVING) {
            slot->is_removing = false;
        }
    } else if (offset == REG_COMMAND && value <= COMMAND_ARCH_ID) {
        pm->cpuhp_command = (uint8_t)value;
        if (value == COMMAND_NEXT_EVENT) {
            next_event(pm);
        }
    } else if (offset == REG_DATA && pm->cpuhp_command == COMMAND_OST_EVENT) {
        slot->ost_event = (uint32_t)value;
    } else if (offset == REG_DATA && pm->cpuhp_command == COMMAND_OST_STATUS) {
        slot->ost_status = (uint32_t)value;
    }
}

static const MemoryRegionOps cpuhp_ops = { .read = cpuhp_read, .write = cpuhp_write, .valid = { 1, 4 } };

void ich9_cpuhp_init(ICH9PMRegs *pm, Object *owner, MemoryRegion *io_space, unsigned possible)
{
    pm->cpuhp_slots = MIN(possible, ICH9_CPUHP_SLOTS_MAX);
    pm->cpuhp = g_new0(ICH9CpuHpSlot, pm->cpuhp_slots);
    memory_region_init_io(&pm->cpuhp_io, owner, &cpuhp_ops, pm, "acpi-cpu-hotplug", LEGACY_LENGTH);
    memory_region_add(io_space, CPUHP_PORT, &pm->cpuhp_io);
}

void ich9_cpuhp_finalize(ICH9PMRegs *pm, MemoryRegion *io_space)
{
    memory_region_del(io_space, &pm->cpuhp_io);
    memory_region_destroy(&pm->cpuhp_io);
    g_free(pm->cpuhp);
    pm->cpuhp = NULL;
}

/* --- migration --- */

static const VMStateDescription vmstate_slot = {
    .name = "CPU hotplug device state", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_BOOL(ICH9CpuHpSlot, is_inserting), VMS_BOOL(ICH9CpuHpSlot, is_removing), VMS_U32(ICH9CpuHpSlot, ost_event),
        VMS_U32(ICH9CpuHpSlot, ost_status)),
};

static const VMStateDescription vmstate_state = {
    .name = "CPU hotplug state", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U32(ICH9PMRegs, cpuhp_selector, .name = "selector"), VMS_U8(ICH9PMRegs, cpuhp_command, .name = "command"),
        VMS_COUNTED_PTR(ICH9PMRegs, cpuhp, cpuhp_slots, ICH9_CPUHP_SLOTS_MAX, vmstate_slot, .name = "devs")),
};

static bool cpuhp_needed(void *opaque)
{
    return !((ICH9PMRegs *)opaque)->cpu_hotplug_legacy;
}

/* Who sends it has switched. */
static bool cpuhp_pre_load(void *opaque, GError **error)
{
    ((ICH9PMRegs *)opaque)->cpu_hotplug_legacy = false;
    return true;
}

const VMStateDescription vmstate_ich9_cpuhp = {
    .name = "ich9_pm/cpuhp", .version_id = 1, .minimum_version_id = 1, .needed = cpuhp_needed, .pre_load = cpuhp_pre_load,
    .fields = VMS_FIELDS({ .name = "cpuhp_state", .vmsd = &vmstate_state, .flags = VMSF_STRUCT, .num = 1,
                           .size = sizeof(ICH9PMRegs), .version_id = 1 }),
};
