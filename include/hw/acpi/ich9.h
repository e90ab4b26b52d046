/*
 * The power management block of the ICH9: ACPI fixed registers (PM1, the PM timer, GPE0), SMI enable and status, and
 * the TCO watchdog, 128 bytes of port space that the LPC function's PMBASE places. Intel ICH9 datasheet, 13.8 and 13.9.
 */
#ifndef HW_ACPI_ICH9_H
#define HW_ACPI_ICH9_H

#include "hw/core/irq.h"
#include "migration/vmstate.h"
#include "system/clock.h"
#include "system/memory.h"
#include "system/runstate.h"

#define ICH9_PM_SIZE 128
#define ICH9_GPE_LEN 16             /* bytes of GPE0: the first half status, the second enables */
#define ICH9_PCIHP_BUSES 256
#define ICH9_MEMHP_SLOTS_MAX 256

typedef struct ICH9TCO {
    uint16_t rld, sts1, sts2, cnt1, cnt2, tmr;
    uint8_t din, dout, msg1, msg2, wdcnt, sw_irq_gen, timeouts_no;
    Timer timer;
    int64_t expire_time;            /* -1: stopped */
} ICH9TCO;

typedef struct ICH9MemhpSlot {
    bool is_enabled, is_inserting;
    uint32_t ost_event, ost_status;
} ICH9MemhpSlot;

typedef struct ICH9PCIHPStatus {
    uint32_t up, down;              /* bit per slot */
} ICH9PCIHPStatus;

typedef struct ICH9CpuHpSlot {
    bool is_inserting, is_removing;
    uint32_t ost_event, ost_status;
} ICH9CpuHpSlot;
#define ICH9_CPUHP_SLOTS_MAX 4096

typedef struct ICH9PMRegs {
    /* set by the user, through the LPC function's properties */
    bool enable_tco, pcihp_bridge, keep_pci_slot_hpc, smm_enabled, smm_compat, cpu_hotplug_legacy, no_reboot_strap;
    uint8_t disable_s3, disable_s4, s4_val;
    /* migrated */
    uint16_t pm1_sts, pm1_en, pm1_cnt;
    Timer pmtimer;
    int64_t tmr_overflow_time;
    uint8_t gpe_sts[ICH9_GPE_LEN], gpe_en[ICH9_GPE_LEN];
    uint32_t smi_en, smi_sts;
    ICH9TCO tco;
    uint32_t memhp_selector;
    uint32_t memhp_slots;           /* -m slots=: how many of memhp */
    ICH9MemhpSlot *memhp;
    uint32_t cpuhp_selector, cpuhp_slots;
    uint8_t cpuhp_command;
    ICH9CpuHpSlot *cpuhp;
    uint32_t pcihp_select, pcihp_acpi_index;
    ICH9PCIHPStatus pcihp_status[ICH9_PCIHP_BUSES];
    /* derived */
    uint32_t smi_en_wmask;
    uint32_t pm_io_base;            /* 0: not mapped */
    const uint8_t *gcs;             /* the root complex's GCS register: No Reboot */
    MemoryRegion io, evt, cnt, tmr, gpe, smi, tco_io, pcihp_io, cpuhp_io;
    struct PCIBus *pcihp_root;      /* NULL: no PCI hot plug by ACPI */
    bool pcihp_numbered;
    void (*set_sci)(void *opaque, int level);
    void *sci_opaque;
} ICH9PMRegs;

/* Makes the regions in `io_space`, unmapped, and the timers; sci is told of each change of level. */
void ich9_pm_init(ICH9PMRegs *pm, Object *owner, MemoryRegion *io_space, void (*set_sci)(void *opaque, int level),
                  void *opaque);
void ich9_pm_finalize(ICH9PMRegs *pm);
/* base 0: off. */
void ich9_pm_set_base(ICH9PMRegs *pm, MemoryRegion *io_space, uint32_t base);
void ich9_pm_reset(ICH9PMRegs *pm);
/* SCI_EN, as firmware's command at port 0xb2 sets it. */
void ich9_pm_set_acpi_enabled(ICH9PMRegs *pm, bool enable);
void ich9_pm_power_button(ICH9PMRegs *pm);
/* The machine slept, and was reset. */
void ich9_pm_woken(ICH9PMRegs *pm, WakeupReason reason);
/* Sets a status bit of GPE0 (0 to 63), with an SCI if it is enabled. */
void ich9_pm_raise_gpe(ICH9PMRegs *pm, unsigned bit);

extern const VMStateDescription vmstate_ich9_pm;

#endif
