/* The ICH9's power management block: PM1, the PM timer, GPE0, SMI. */
#include "hw/acpi/ich9.h"

#include <string.h>

#include "hw/acpi/cpuhp.h"
#include "hw/acpi/ich9-tco.h"
#include "system/runstate.h"
#include "util/log.h"
#include "util/units.h"

/* Offsets from PMBASE (13.8.3). */
enum {
    PM1_STS = 0x00, PM1_CNT = 0x04, PM1_TMR = 0x08, GPE0 = 0x20, SMI_EN = 0x30, SMI_STS = 0x34, TCO_BASE = 0x60,
};

enum {
    PM1_STS_TMR = 1 << 0,
    PM1_STS_PWRBTN = 1 << 8,
    PM1_STS_RTC = 1 << 10,
    PM1_STS_WAK = 1 << 15,
    PM1_STS_WRITABLE = 0xcf31,      /* write one to clear: TMR, BM, GBL, PWRBTN, SLPBTN, RTC, PCIEXP_WAKE, WAK */
    PM1_SCI_SOURCES = 0x0721,       /* TMR, GBL, PWRBTN, SLPBTN, RTC: what PM1_EN lets raise an SCI */
    PM1_CNT_SCI_EN = 1 << 0,
    PM1_CNT_SLP_EN = 1 << 13,
};

#define PMTIMER_HZ 3579545
#define PMTIMER_MSB (1u << 23)      /* its change sets TMR_STS */

static int64_t pmtimer_ticks(void)
{
    return (int64_t)((__int128)clock_ns(CLOCK_TYPE_VIRTUAL) * PMTIMER_HZ / NANOSECONDS_PER_SECOND);
}

static uint16_t pm1_status(ICH9PMRegs *pm)
{
    if (pmtimer_ticks() >= pm->tmr_overflow_time) {
        pm->pm1_sts |= PM1_STS_TMR;
    }
    return pm->pm1_sts;
}

/* When the timer's top bit changes next. */
static void pmtimer_next_overflow(ICH9PMRegs *pm)
{
    pm->tmr_overflow_time = (pmtimer_ticks() + PMTIMER_MSB) & ~(int64_t)(PMTIMER_MSB - 1);
}

static void pm_update(ICH9PMRegs *pm)
{
    uint16_t sts = pm1_status(pm);
    bool gpe = false;

    for (unsigned i = 0; i < ICH9_GPE_LEN / 2; i++) {
        gpe |= pm->gpe_sts[i] & pm->gpe_en[i];
    }
    pm->set_sci(pm->sci_opaque, (sts & pm->pm1_en & PM1_SCI_SOURCES) || gpe);
    if ((pm->pm1_en & PM1_STS_TMR) && !(sts & PM1_STS_TMR)) {
        timer_set(&pm->pmtimer, (int64_t)((__int128)pm->tmr_overflow_time * NANOSECONDS_PER_SECOND / PMTIMER_HZ) + 1);
    } else {
        timer_stop(&pm->pmtimer);
    }
}

static void pmtimer_fire(void *opaque)
{
    system_wakeup_request(WAKEUP_PMTIMER);
    pm_update(opaque);
}

static void enable_wakeup(const ICH9PMRegs *pm)
{
    wakeup_enable(WAKEUP_RTC, pm->pm1_en & PM1_STS_RTC);
    wakeup_enable(WAKEUP_PMTIMER, pm->pm1_en & PM1_STS_TMR);
}

/* PM1_STS, write one to clear, and PM1_EN. */
static uint64_t evt_read(void *opaque, hwaddr offset, unsigned size)
{
    ICH9PMRegs *pm = opaque;

    return offset == 0 ? pm1_status(pm) : pm->pm1_en;
}

static void evt_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ICH9PMRegs *pm = opaque;

    if (offset == 0) {
        if (pm1_status(pm) & value & PM1_STS_TMR) {
            pmtimer_next_overflow(pm);
        }
        pm->pm1_sts &= ~value;
    } else {
        pm->pm1_en = value;
        enable_wakeup(pm);
    }
    pm_update(pm);
}

enum { SLEEP_S5 = 0, SLEEP_S3 = 1 };

static void sleep_requested(ICH9PMRegs *pm)
{
    unsigned type = (pm->pm1_cnt >> 10) & 7;

    /* That S3 or S4 is off is a word to those who look at ACPI's tables. */
    if (type == SLEEP_S5) {
        system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else if (type == SLEEP_S3) {
        system_suspend_request();
    } else if (type == pm->s4_val) {
        event_emit("SUSPEND_DISK", NULL);
        system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else {
        log_unimp("ich9: sleep type %u\n", type);
    }
}

static uint64_t cnt_read(void *opaque, hwaddr offset, unsigned size)
{
    return ((ICH9PMRegs *)opaque)->pm1_cnt >> (offset * 8);
}

static void cnt_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ICH9PMRegs *pm = opaque;

    if (offset == 1) {
        value = (value << 8) | (pm->pm1_cnt & 0xff);
    }
    pm->pm1_cnt = value & ~PM1_CNT_SLP_EN;
    if (value & PM1_CNT_SLP_EN) {
        sleep_requested(pm);
    }
}

static uint64_t tmr_read(void *opaque, hwaddr offset, unsigned size)
{
    return pmtimer_ticks() & 0xffffff;
}

static void ignore_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
}

static uint64_t gpe_read(void *opaque, hwaddr offset, unsigned size)
{
    ICH9PMRegs *pm = opaque;

    return offset < ICH9_GPE_LEN / 2 ? pm->gpe_sts[offset] : pm->gpe_en[offset - ICH9_GPE_LEN / 2];
}

static void gpe_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ICH9PMRegs *pm = opaque;

    if (offset < ICH9_GPE_LEN / 2) {
        pm->gpe_sts[offset] &= ~value;
    } else {
        pm->gpe_en[offset - ICH9_GPE_LEN / 2] = value;
    }
    pm_update(pm);
}

static uint64_t smi_read(void *opaque, hwaddr offset, unsigned size)
{
    ICH9PMRegs *pm = opaque;

    return offset == 0 ? pm->smi_en : offset == 4 ? pm->smi_sts : 0;
}

static void smi_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ICH9PMRegs *pm = opaque;

    if (offset != 0) {
        return;
    }
    if ((value & ICH9_SMI_EN_TCO_EN) && !(pm->smi_en_wmask & ICH9_SMI_EN_TCO_EN)) {
        value |= ICH9_SMI_EN_TCO_EN;    /* locked on */
    }
    pm->smi_en = (pm->smi_en & ~pm->smi_en_wmask) | (value & pm->smi_en_wmask);
}

static const MemoryRegionOps evt_ops = {
    .read = evt_read, .write = evt_write, .valid = { 1, 2 }, .impl = { 2, 2 },
};
static const MemoryRegionOps cnt_ops = { .read = cnt_read, .write = cnt_write, .valid = { 1, 2 }, .impl = { 1, 2 } };
static const MemoryRegionOps tmr_ops = { .read = tmr_read, .write = ignore_write, .valid = { 1, 4 }, .impl = { 4, 4 } };
static const MemoryRegionOps gpe_ops = { .read = gpe_read, .write = gpe_write, .valid = { 1, 4 }, .impl = { 1, 1 } };
static const MemoryRegionOps smi_ops = { .read = smi_read, .write = smi_write, .valid = { 4, 4 } };

void ich9_pm_init(ICH9PMRegs *pm, Object *owner, MemoryRegion *io_space, void (*set_sci)(void *opaque, int level),
                  void *opaque)
{
    pm->set_sci = set_sci;
    pm->sci_opaque = opaque;
    pm->smi_en_wmask = ~0u;
    timer_init(&pm->pmtimer, CLOCK_TYPE_VIRTUAL, pmtimer_fire, pm);
    memory_region_init(&pm->io, owner, "ich9-pm", ICH9_PM_SIZE);
    memory_region_set_enabled(&pm->io, false);
    memory_region_add(io_space, 0, &pm->io);
    memory_region_init_io(&pm->evt, owner, &evt_ops, pm, "acpi-evt", 4);
    memory_region_add(&pm->io, PM1_STS, &pm->evt);
    memory_region_init_io(&pm->cnt, owner, &cnt_ops, pm, "acpi-cnt", 2);
    memory_region_add(&pm->io, PM1_CNT, &pm->cnt);
    memory_region_init_io(&pm->tmr, owner, &tmr_ops, pm, "acpi-tmr", 4);
    memory_region_add(&pm->io, PM1_TMR, &pm->tmr);
    memory_region_init_io(&pm->gpe, owner, &gpe_ops, pm, "acpi-gpe0", ICH9_GPE_LEN);
    memory_region_add(&pm->io, GPE0, &pm->gpe);
    memory_region_init_io(&pm->smi, owner, &smi_ops, pm, "acpi-smi", 8);
    memory_region_add(&pm->io, SMI_EN, &pm->smi);
    if (pm->enable_tco) {
        ich9_tco_init(pm, owner);
        memory_region_add(&pm->io, TCO_BASE, &pm->tco_io);
    }
    pm->memhp = g_new0(ICH9MemhpSlot, pm->memhp_slots);
}

void ich9_pm_finalize(ICH9PMRegs *pm)
{
    MemoryRegion *parts[] = { &pm->evt, &pm->cnt, &pm->tmr, &pm->gpe, &pm->smi, &pm->tco_io };

    if (!pm->set_sci) {
        return;
    }
    timer_stop(&pm->pmtimer);
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (parts[i]->container) {
            memory_region_del(&pm->io, parts[i]);
            memory_region_destroy(parts[i]);
        }
    }
    if (pm->enable_tco) {
        timer_stop(&pm->tco.timer);
    }
    memory_region_del(pm->io.container, &pm->io);
    memory_region_destroy(&pm->io);
    g_free(pm->memhp);
    pm->set_sci = NULL;
}

void ich9_pm_set_base(ICH9PMRegs *pm, MemoryRegion *io_space, uint32_t base)
{
    pm->pm_io_base = base;
    memory_transaction_begin();
    memory_region_set_enabled(&pm->io, base != 0);
    memory_region_set_address(&pm->io, base);
    memory_transaction_commit();
}

void ich9_pm_reset(ICH9PMRegs *pm)
{
    pm->pm1_sts = pm->pm1_en = pm->pm1_cnt = 0;
    pm->tmr_overflow_time = 0;
    timer_stop(&pm->pmtimer);
    enable_wakeup(pm);
    memset(pm->gpe_sts, 0, sizeof(pm->gpe_sts));
    memset(pm->gpe_en, 0, sizeof(pm->gpe_en));
    pm->smi_en = 0;
    pm->smi_sts = 0;
    /* Without SMM, APMC_EN is on and can't be turned off: firmware then sees SMM set up already and leaves it alone. */
    if (!pm->smm_enabled) {
        pm->smi_en |= ICH9_SMI_EN_APMC_EN;
    }
    pm->smi_en_wmask = ~0u;
    if (pm->enable_tco) {
        ich9_tco_reset(pm);
    }
    pm_update(pm);
}

void ich9_pm_set_acpi_enabled(ICH9PMRegs *pm, bool enable)
{
    pm->pm1_cnt = enable ? pm->pm1_cnt | PM1_CNT_SCI_EN : pm->pm1_cnt & ~PM1_CNT_SCI_EN;
}

void ich9_pm_power_button(ICH9PMRegs *pm)
{
    pm->pm1_sts |= PM1_STS_PWRBTN;
    pm_update(pm);
}

void ich9_pm_woken(ICH9PMRegs *pm, WakeupReason reason)
{
    static const uint16_t by_reason[] = {
        [WAKEUP_OTHER] = PM1_STS_PWRBTN, [WAKEUP_RTC] = PM1_STS_RTC, [WAKEUP_PMTIMER] = PM1_STS_TMR,
    };

    pm->pm1_sts |= PM1_STS_WAK | by_reason[reason];
}

void ich9_pm_raise_gpe(ICH9PMRegs *pm, unsigned bit)
{
    pm->gpe_sts[bit / 8] |= 1u << bit % 8;
    pm_update(pm);
}

/* Migration. */
static bool pm_post_load(void *opaque, int version_id, GError **error)
{
    ICH9PMRegs *pm = opaque;

    /* Not further away than the counter can be: a time beyond that is nobody's. */
    pm->tmr_overflow_time = MIN(pm->tmr_overflow_time, pmtimer_ticks() + 2 * (int64_t)PMTIMER_MSB);
    enable_wakeup(pm);
    pm_update(pm);
    return true;
}

static const VMStateDescription vmstate_memhp_slot = {
    .name = "memory hotplug device state", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_BOOL(ICH9MemhpSlot, is_enabled),
        VMS_BOOL(ICH9MemhpSlot, is_inserting),
        VMS_U32(ICH9MemhpSlot, ost_event),
        VMS_U32(ICH9MemhpSlot, ost_status)),
};

static const VMStateDescription vmstate_memhp_state = {
    .name = "memory hotplug state", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U32(ICH9PMRegs, memhp_selector, .name = "selector"),
        VMS_COUNTED_PTR(ICH9PMRegs, memhp, memhp_slots, ICH9_MEMHP_SLOTS_MAX, vmstate_memhp_slot, .name = "devs")),
};

/* A description that takes the same struct as the one around it. */
#define VMS_SAME(t, shown, desc) \
    { .name = shown, .vmsd = &(desc), .flags = VMSF_STRUCT, .num = 1, .size = sizeof(t), .version_id = 1 }

static const VMStateDescription vmstate_memhp = {
    .name = "ich9_pm/memhp", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_SAME(ICH9PMRegs, "acpi_memory_hotplug", vmstate_memhp_state)),
};

static bool tco_needed(void *opaque)
{
    return ((ICH9PMRegs *)opaque)->enable_tco;
}

static const VMStateDescription vmstate_tco = {
    .name = "ich9_pm/tco", .version_id = 1, .minimum_version_id = 1, .needed = tco_needed,
    .fields = VMS_FIELDS(VMS_STRUCT(ICH9PMRegs, tco, vmstate_ich9_tco, .name = "tco_regs", .version_id = 1)),
};

static bool pcihp_needed(void *opaque)
{
    return ((ICH9PMRegs *)opaque)->pcihp_bridge;
}

static const VMStateDescription vmstate_pcihp_status = {
    .name = "acpi_pcihp_pci_status", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_U32(ICH9PCIHPStatus, up), VMS_U32(ICH9PCIHPStatus, down)),
};

static const VMStateDescription vmstate_pcihp = {
    .name = "ich9_pm/pcihp", .version_id = 1, .minimum_version_id = 1, .needed = pcihp_needed,
    .fields = VMS_FIELDS(
        VMS_U32(ICH9PMRegs, pcihp_select, .name = "acpi_pci_hotplug.hotplug_select"),
        VMS_STRUCT_ARRAY(ICH9PMRegs, pcihp_status, vmstate_pcihp_status,
                         .name = "acpi_pci_hotplug.acpi_pcihp_pci_status"),
        VMS_U32(ICH9PMRegs, pcihp_acpi_index, .name = "acpi_pci_hotplug.acpi_index")),
};

const VMStateDescription vmstate_ich9_pm = {
    .name = "ich9_pm", .version_id = 1, .minimum_version_id = 1, .post_load = pm_post_load,
    .fields = VMS_FIELDS(
        VMS_U16(ICH9PMRegs, pm1_sts, .name = "acpi_regs.pm1.evt.sts"),
        VMS_U16(ICH9PMRegs, pm1_en, .name = "acpi_regs.pm1.evt.en"),
        VMS_U16(ICH9PMRegs, pm1_cnt, .name = "acpi_regs.pm1.cnt.cnt"),
        VMS_TIMER(ICH9PMRegs, pmtimer, .name = "acpi_regs.tmr.timer"),
        VMS_I64(ICH9PMRegs, tmr_overflow_time, .name = "acpi_regs.tmr.overflow_time"),
        VMS_U8_ARRAY(ICH9PMRegs, gpe_sts, .name = "acpi_regs.gpe.sts"),
        VMS_U8_ARRAY(ICH9PMRegs, gpe_en, .name = "acpi_regs.gpe.en"),
        VMS_U32(ICH9PMRegs, smi_en),
        VMS_U32(ICH9PMRegs, smi_sts)),
    .subsections = VMS_SUBSECTIONS(&vmstate_memhp, &vmstate_tco, &vmstate_ich9_cpuhp, &vmstate_pcihp),
};
