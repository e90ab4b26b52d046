/* The TCO watchdog. Intel ICH9 datasheet, 13.9. */
#include "hw/acpi/ich9-tco.h"

#include <string.h>

#include "system/runstate.h"
#include "util/trace.h"

#define TCO_TICK_NS 600000000ll

enum {
    TCO_RLD = 0x00, TCO_DAT_IN = 0x02, TCO_DAT_OUT = 0x03, TCO1_STS = 0x04, TCO2_STS = 0x06, TCO1_CNT = 0x08,
    TCO2_CNT = 0x0a, TCO_MESSAGE1 = 0x0c, TCO_MESSAGE2 = 0x0d, TCO_WDCNT = 0x0e, SW_IRQ_GEN = 0x10, TCO_TMR = 0x12,
};
enum {
    STS1_SW_TCO_SMI = 1 << 1, STS1_TCO_INT = 1 << 2, STS1_TIMEOUT = 1 << 3, STS1_MASK = 0xe870,
    STS2_SECOND_TO = 1 << 1, STS2_BOOT = 1 << 2, STS2_MASK = 0xfff8,
    CNT1_HALT = 1 << 11, CNT1_LOCK = 1 << 12, CNT1_MASK = 0xfeff, CNT2_DEFAULT = 0x0008,
    TMR_DEFAULT = 4, TMR_MASK = 0x3ff, SW_IRQ_GEN_DEFAULT = 3,
};

static ICH9PMRegs *pm_of(ICH9TCO *tco)
{
    return (ICH9PMRegs *)((char *)tco - offsetof(ICH9PMRegs, tco));
}

/* Less than two ticks is reserved: it would end again and again at the same time. */
static void tco_restart(ICH9TCO *tco)
{
    tco->expire_time = clock_ns(CLOCK_TYPE_VIRTUAL) + (int64_t)MAX(tco->tmr & TMR_MASK, 2) * TCO_TICK_NS;
    timer_set(&tco->timer, tco->expire_time);
}

static void tco_stop(ICH9TCO *tco)
{
    tco->expire_time = -1;
    timer_stop(&tco->timer);
}

static void tco_fire(void *opaque)
{
    ICH9TCO *tco = opaque;
    ICH9PMRegs *pm = pm_of(tco);
    bool no_reboot = pm->no_reboot_strap || (*pm->gcs & ICH9_GCS_NO_REBOOT);

    trace(tco_timer_expired, "timeouts %u no_reboot %d", tco->timeouts_no, no_reboot);
    tco->rld = 0;
    tco->sts1 |= STS1_TIMEOUT;
    if (++tco->timeouts_no == 2) {
        tco->sts2 |= STS2_SECOND_TO | STS2_BOOT;
        tco->timeouts_no = 0;
        if (!no_reboot) {
            system_watchdog_fired();
            tco_stop(tco);
            return;
        }
    }
    tco->rld = tco->tmr;
    tco_restart(tco);
}

/* What is left, in ticks, while it runs. */
static uint16_t tco_count(ICH9TCO *tco)
{
    int64_t left;

    if (tco->expire_time < 0) {
        return tco->rld;
    }
    left = tco->expire_time - clock_ns(CLOCK_TYPE_VIRTUAL);
    return left > 0 ? ((uint16_t)(left / TCO_TICK_NS) | (tco->rld & ~TMR_MASK)) : tco->rld;
}

static uint64_t tco_read(void *opaque, hwaddr offset, unsigned size)
{
    ICH9TCO *t = &((ICH9PMRegs *)opaque)->tco;

    switch (offset) {
    case TCO_RLD: return tco_count(t);
    case TCO_DAT_IN: return t->din;
    case TCO_DAT_OUT: return t->dout;
    case TCO1_STS: return t->sts1;
    case TCO2_STS: return t->sts2;
    case TCO1_CNT: return t->cnt1;
    case TCO2_CNT: return t->cnt2;
    case TCO_MESSAGE1: return t->msg1;
    case TCO_MESSAGE2: return t->msg2;
    case TCO_WDCNT: return t->wdcnt;
    case SW_IRQ_GEN: return t->sw_irq_gen;
    case TCO_TMR: return t->tmr;
    default: return 0;
    }
}

static void tco_write_cnt1(ICH9PMRegs *pm, uint16_t value)
{
    ICH9TCO *t = &pm->tco;

    t->cnt1 = (value & CNT1_MASK) | (t->cnt1 & CNT1_LOCK);
    if (value & CNT1_LOCK) {
        pm->smi_en_wmask &= ~ICH9_SMI_EN_TCO_EN;    /* TCO_LOCK: TCO_EN stays as it is */
    }
    if (value & CNT1_HALT) {
        tco_stop(t);
    } else {
        t->rld = t->tmr;
        tco_restart(t);
    }
}

static void tco_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ICH9PMRegs *pm = opaque;
    ICH9TCO *t = &pm->tco;

    switch (offset) {
    case TCO_RLD:
        t->timeouts_no = 0;
        t->rld = t->tmr;
        if (!(t->cnt1 & CNT1_HALT)) {
            tco_restart(t);
        }
        break;
    case TCO_DAT_IN:
        t->din = value;
        t->sts1 |= STS1_SW_TCO_SMI;
        break;
    case TCO_DAT_OUT:
        t->dout = value;
        t->sts1 |= STS1_TCO_INT;
        break;
    case TCO1_STS: t->sts1 &= ~value | STS1_MASK; break;
    case TCO2_STS: t->sts2 &= ~value | STS2_MASK; break;
    case TCO1_CNT: tco_write_cnt1(pm, value); break;
    case TCO2_CNT: t->cnt2 = value; break;
    case TCO_MESSAGE1: t->msg1 = value; break;
    case TCO_MESSAGE2: t->msg2 = value; break;
    case TCO_WDCNT: t->wdcnt = value; break;
    case SW_IRQ_GEN: t->sw_irq_gen = value; break;
    case TCO_TMR: t->tmr = value & TMR_MASK; break;
    default: break;
    }
}

static const MemoryRegionOps tco_ops = { .read = tco_read, .write = tco_write, .valid = { 1, 4 }, .impl = { 1, 2 } };

void ich9_tco_init(ICH9PMRegs *pm, Object *owner)
{
    timer_init(&pm->tco.timer, CLOCK_TYPE_VIRTUAL, tco_fire, &pm->tco);
    memory_region_init_io(&pm->tco_io, owner, &tco_ops, pm, "sm-tco", 32);
    pm->tco.expire_time = -1;
}

void ich9_tco_reset(ICH9PMRegs *pm)
{
    ICH9TCO *t = &pm->tco;

    tco_stop(t);
    t->rld = t->sts1 = t->sts2 = t->cnt1 = 0;
    t->din = t->dout = t->msg1 = t->msg2 = t->wdcnt = t->timeouts_no = 0;
    t->cnt2 = CNT2_DEFAULT;
    t->tmr = TMR_DEFAULT;
    t->sw_irq_gen = SW_IRQ_GEN_DEFAULT;
}

const VMStateDescription vmstate_ich9_tco = {
    .name = "tco io device status", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U16(ICH9TCO, rld, .name = "tco.rld"),
        VMS_U8(ICH9TCO, din, .name = "tco.din"),
        VMS_U8(ICH9TCO, dout, .name = "tco.dout"),
        VMS_U16(ICH9TCO, sts1, .name = "tco.sts1"),
        VMS_U16(ICH9TCO, sts2, .name = "tco.sts2"),
        VMS_U16(ICH9TCO, cnt1, .name = "tco.cnt1"),
        VMS_U16(ICH9TCO, cnt2, .name = "tco.cnt2"),
        VMS_U8(ICH9TCO, msg1, .name = "tco.msg1"),
        VMS_U8(ICH9TCO, msg2, .name = "tco.msg2"),
        VMS_U8(ICH9TCO, wdcnt, .name = "tco.wdcnt"),
        VMS_U16(ICH9TCO, tmr, .name = "tco.tmr"),
        VMS_U8(ICH9TCO, sw_irq_gen),
        VMS_TIMER(ICH9TCO, timer, .name = "tco_timer"),
        VMS_I64(ICH9TCO, expire_time),
        VMS_U8(ICH9TCO, timeouts_no)),
};
