/* The chips behind the LPC bridge that every PC has, and the interrupt lines between them. */
#include <string.h>

#include "hw/char/parallel-isa.h"
#include "hw/char/serial-isa.h"
#include "hw/dma/i8257.h"
#include "hw/i386/pc.h"
#include "hw/input/vmport.h"
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/intc/kvmvapic.h"
#include "hw/isa/port92.h"
#include "hw/rtc/mc146818.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/pcspk.h"
#include "util/units.h"

#define HPET_INTCAP 0xff0104u           /* GSIs 2, 8 and 16 to 23 */

/* A global system interrupt reaches both controllers. */
static void gsi_set(void *opaque, int n, int level)
{
    PCMachineState *pc = opaque;

    if (n < ISA_NUM_IRQS) {
        irq_set(pc->i8259_in[n], level);
    }
    irq_set(pc->ioapic_in[n], level);
}

void pc_gsi_init(PCMachineState *pc)
{
    pc->gsi = irqs_new(gsi_set, pc, IOAPIC_PINS);
}

/* Each CPU's local APIC; the first one's comes after the TPR helper, as QEMU makes them. */
bool pc_cpu_created(X86CPU *cpu, GError **error)
{
    return (cpu->index != 0 || kvmvapic_new(error)) && apic_new(cpu, error);
}

static void pic_output(void *opaque, int n, int level)
{
    apic_pic_line(level);
}

static I8259 *pic_master;

static int pic_acknowledge(void)
{
    return i8259_acknowledge(pic_master);
}

/*
 * Port 0x80 takes what a firmware says of its progress; port 0xf0 takes an x87 exception back that came as interrupt 13,
 * as it does while CR0.NE is clear. Both read as nothing.
 */
static Irq *ferr_line;

static uint64_t scratch_port_read(void *opaque, hwaddr offset, unsigned size)
{
    return UINT64_MAX;
}

static void port80_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
}

static void port_f0_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    irq_lower(ferr_line);
}

static void x87_exception(X86CPU *cpu)
{
    irq_raise(ferr_line);
}

static void init_scratch_ports(PCMachineState *pc)
{
    static const MemoryRegionOps port80_ops = { .read = scratch_port_read, .write = port80_write, .impl = { 1, 1 } };
    static const MemoryRegionOps port_f0_ops = { .read = scratch_port_read, .write = port_f0_write, .impl = { 1, 1 } };
    static MemoryRegion port80, port_f0;

    memory_region_init_io(&port80, NULL, &port80_ops, NULL, "ioport80", 1);
    memory_region_add(memory_io(), 0x80, &port80);
    memory_region_init_io(&port_f0, NULL, &port_f0_ops, NULL, "ioportF0", 1);
    memory_region_add(memory_io(), 0xf0, &port_f0);
    ferr_line = pc->gsi[13];
    x86_ferr = x87_exception;
}

static void init_ioapic(PCMachineState *pc)
{
    DeviceState *dev = device_new(TYPE_IOAPIC);
    bool ok;

    object_add_child(OBJECT(pc->host), "ioapic", OBJECT(dev));
    ok = device_realize_and_unref(dev, bus_main_system(), NULL);
    g_assert(ok);
    pc->ioapic = IOAPIC(dev);
    for (int i = 0; i < IOAPIC_PINS; i++) {
        pc->ioapic_in[i] = device_irq_in(dev, NULL, i);
    }
}

static void init_hpet(PCMachineState *pc)
{
    DeviceState *dev = DEVICE(hpet_new(HPET_INTCAP));

    for (int i = 0; i < IOAPIC_PINS; i++) {
        device_connect_irq(dev, NULL, i, pc->gsi[i]);
    }
    pc->hpet_dev = dev;
}

/* With an HPET, its legacy routing sits between the two older timers and their lines. */
static void init_timers(PCMachineState *pc, ISABus *bus)
{
    if (pc->hpet) {
        init_hpet(pc);
    }
    pc->rtc = pc->lpc->rtc ? pc->lpc->rtc : rtc_new(bus, 0, NULL);
    if (pc->hpet_dev) {
        device_connect_irq(DEVICE(pc->rtc), NULL, 0, device_irq_in(pc->hpet_dev, NULL, 0));
    }
    if (pc->pit != ON_OFF_AUTO_OFF) {
        PIT *pit = pit_new(bus, 0x40, pc->gsi[0]);

        if (pc->hpet_dev) {
            device_connect_irq(pc->hpet_dev, "pit", 0, device_irq_in(DEVICE(pit), NULL, 0));
        }
        pcspk_new(bus, pit);
    }
}

static bool init_ports(PCMachineState *pc, ISABus *bus, GError **error)
{
    for (unsigned i = 0; i < MACHINE_SERIALS; i++) {
        if (pc->parent_obj.serial[i] && !isa_serial_new(bus, i, pc->parent_obj.serial[i], error)) {
            return false;
        }
    }
    for (unsigned i = 0; i < MACHINE_PARALLELS; i++) {
        if (pc->parent_obj.parallel[i] && !isa_parallel_new(bus, i, pc->parent_obj.parallel[i], error)) {
            return false;
        }
    }
    return true;
}

/* Two chips hold the first CPU's A20 gate; the one that was written last has it its way. */
static void set_a20(void *opaque, int n, int level)
{
    x86_cpu_set_a20(x86_cpu_by_index(0), level);
}

static bool init_keyboard(PCMachineState *pc, ISABus *bus, GError **error)
{
    Irq *a20 = irq_new(set_a20, NULL, 0);

    I8042State *i8042 = i8042_new(bus, a20, error);

    if (!i8042) {
        return false;
    }
    if (pc->vmport != ON_OFF_AUTO_OFF) {
        vmport_new(bus);
        vmmouse_new(bus, i8042);
    }
    port92_new(bus, a20);
    return true;
}

bool pc_chips_init(PCMachineState *pc, GError **error)
{
    ISABus *bus = pc->lpc->isa_bus;

    if (pc->pic != ON_OFF_AUTO_OFF) {
        pc->pic_master = pic_master = i8259_new_pair(bus, irq_new(pic_output, NULL, 0), pc->i8259_in);
        apic_set_pic(pic_acknowledge);
    }
    init_scratch_ports(pc);
    init_ioapic(pc);
    init_timers(pc, bus);
    if (!pc->lpc->dma_in_bridge) {
        i8257_new_pair(bus);
    }
    if (!init_ports(pc, bus, error)) {
        return false;
    }
    return !pc->i8042 || init_keyboard(pc, bus, error);
}

/* CMOS RAM tells the firmware what it can't find out. */
enum {
    CMOS_EQUIPMENT = 0x14, EQUIPMENT_FPU = 0x02, EQUIPMENT_PS2_MOUSE = 0x04,
    CMOS_BASE_MEMORY = 0x15, CMOS_EXTENDED_MEMORY = 0x17, CMOS_EXTENDED_MEMORY_2 = 0x30, CMOS_MEMORY_ABOVE_16M = 0x34,
    CMOS_BOOT_3 = 0x38, CMOS_BOOT_1_2 = 0x3d, CMOS_MEMORY_ABOVE_4G = 0x5b, CMOS_CPUS = 0x5f,
};

static void cmos_word(PCMachineState *pc, unsigned at, uint64_t value)
{
    value = MIN(value, 0xffff);
    rtc_set_memory(pc->rtc, at, value);
    rtc_set_memory(pc->rtc, at + 1, value >> 8);
}

static uint8_t boot_code(char device)
{
    switch (device) {
    case 'a': case 'b': return 1;
    case 'c': return 2;
    case 'd': return 3;
    case 'n': return 4;
    default: return 0;
    }
}

static void cmos_boot_order(PCMachineState *pc, const char *order)
{
    uint8_t code[3] = { 0 };

    for (size_t i = 0; i < 3 && order[i]; i++) {
        code[i] = boot_code(order[i]);
    }
    rtc_set_memory(pc->rtc, CMOS_BOOT_1_2, code[1] << 4 | code[0]);
    rtc_set_memory(pc->rtc, CMOS_BOOT_3, code[2] << 4);
}

static const char *boot_member(PCMachineState *pc, const char *key)
{
    return pc->parent_obj.boot ? json_member_string(pc->parent_obj.boot, key, NULL) : NULL;
}

/* -boot once= is for the first start alone. */
static void restore_boot_order(void *opaque)
{
    PCMachineState *pc = opaque;

    if (!pc->booted_once) {
        pc->booted_once = true;
        return;
    }
    cmos_boot_order(pc, boot_member(pc, "order") ? boot_member(pc, "order") : "cad");
    reset_unregister(restore_boot_order, pc);
}

void pc_cmos_init(PCMachineState *pc)
{
    const char *once = boot_member(pc, "once"), *order = boot_member(pc, "order");
    uint64_t low = pc->below_4g_size, above_16m = low > 16 * MiB ? (low - 16 * MiB) / (64 * KiB) : 0;

    cmos_word(pc, CMOS_BASE_MEMORY, MIN(low / KiB, 640));
    cmos_word(pc, CMOS_EXTENDED_MEMORY, low > MiB ? (low - MiB) / KiB : 0);
    cmos_word(pc, CMOS_EXTENDED_MEMORY_2, low > MiB ? (low - MiB) / KiB : 0);
    cmos_word(pc, CMOS_MEMORY_ABOVE_16M, above_16m);
    for (unsigned i = 0; i < 3; i++) {
        rtc_set_memory(pc->rtc, CMOS_MEMORY_ABOVE_4G + i, pc->above_4g_size / (64 * KiB) >> (8 * i));
    }
    rtc_set_memory(pc->rtc, CMOS_CPUS, pc->parent_obj.smp.cpus - 1);
    rtc_set_memory(pc->rtc, CMOS_EQUIPMENT, EQUIPMENT_FPU | EQUIPMENT_PS2_MOUSE);
    cmos_boot_order(pc, once ? once : order ? order : "cad");
    if (once) {
        reset_register(restore_boot_order, pc);
    }
}
