/* AHCI: registers, interrupts, resets, state. What a register does was measured where the specification leaves room. */
#include "hw/ide/ahci.h"

#include "hw/pci/msi.h"
#include "system/main-loop.h"
#include "util/error.h"

/* AHCI 3.1 */
enum {
    HBA_CAP = 0x00, HBA_GHC = 0x04, HBA_IS = 0x08, HBA_PI = 0x0c, HBA_VS = 0x10, HBA_PORTS = 0x100,
    PORT_STRIDE = 0x80,
};
enum { GHC_RESET = 1u << 0, GHC_IRQ = 1u << 1, GHC_AHCI = 1u << 31 };
enum {
    CAP_SLOTS_SHIFT = 8, CAP_GEN1 = 1 << 20, CAP_AHCI_ONLY = 1 << 18, CAP_NCQ = 1 << 30, CAP_64BIT = 1u << 31,
    AHCI_VERSION_1_0 = 0x10000,
};

/* AHCI 3.3 */
enum {
    PORT_CLB = 0x00, PORT_CLBU = 0x04, PORT_FB = 0x08, PORT_FBU = 0x0c, PORT_IS = 0x10, PORT_IE = 0x14, PORT_CMD = 0x18,
    PORT_TFD = 0x20, PORT_SIG = 0x24, PORT_SSTS = 0x28, PORT_SCTL = 0x2c, PORT_SERR = 0x30, PORT_SACT = 0x34,
    PORT_CI = 0x38,
};
enum { PORT_IE_MASK = 0xfdc000ff };
/* Power, spin-up, CLO, ATAPI and power management bits are kept; the interface's power state (31:28) reads as idle. */
enum { PORT_CMD_WRITABLE = 0x0f82001f, PORT_CMD_RESET = 0x6 };
enum { SSTS_PRESENT_GEN1_ACTIVE = 0x113, SCTL_DET = 0xf };
enum { TFD_RESET = ATA_STATUS_ERR | 0x7e };

/* ---- Interrupts ---- */

void ahci_check_irq(AHCIState *s)
{
    uint32_t pending = 0;

    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        const AHCIPortRegs *r = &s->dev[i].port_regs;

        if (r->irq_stat & r->irq_mask) {
            pending |= 1u << i;
        }
    }
    s->control_regs.irqstatus = pending;
    bool level = pending && (s->control_regs.ghc & GHC_IRQ);
    if (msi_enabled(s->pci)) {
        if (level) {
            msi_notify(s->pci, 0);
        }
    } else {
        pci_set_irq(s->pci, level);
    }
}

void ahci_irq(AHCIPort *p, unsigned bit)
{
    p->port_regs.irq_stat |= 1u << bit;
    ahci_check_irq(p->hba);
}

/* ---- Reset ---- */

static void reset_registers(AHCIPort *p)
{
    AHCIPortRegs *r = &p->port_regs;

    r->scr_stat = r->scr_err = r->scr_act = r->cmd_issue = 0;
    r->tfdata = TFD_RESET;
    r->sig = UINT32_MAX;
    p->busy_slot = -1;
    p->init_d2h_sent = false;
    p->port_state = AHCI_RUN;
    p->finished = 0;
}

/* COMRESET, software reset: the device begins anew, and says so. */
void ahci_port_reset(AHCIPort *p)
{
    p->resetting = true;
    ahci_ncq_reset(p);
    ide_bus_reset(&p->port);
    p->resetting = false;
    reset_registers(p);
    if (ide_drive(&p->port)->kind != IDE_NONE) {
        ahci_send_d2h(p, true);
        p->init_d2h_sent = true;
        p->port_regs.sig = ide_drive(&p->port)->kind == IDE_CDROM ? 0xeb140101 : 0x00000101;
    }
}

void ahci_reset(AHCIState *s)
{
    s->control_regs.irqstatus = 0;
    s->control_regs.ghc = GHC_AHCI;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        AHCIPort *p = &s->dev[i];

        p->port_regs.irq_stat = p->port_regs.irq_mask = p->port_regs.scr_ctl = 0;
        p->port_regs.cmd = PORT_CMD_RESET;
        p->resetting = true;
        ahci_ncq_reset(p);
        ide_bus_reset(&p->port);
        p->resetting = false;
        reset_registers(p);
    }
}

/* ---- Registers of a port ---- */

static uint32_t port_read(const AHCIPort *p, unsigned offset)
{
    const AHCIPortRegs *r = &p->port_regs;

    switch (offset) {
    case PORT_CLB:
        return r->lst_addr;
    case PORT_CLBU:
        return r->lst_addr_hi;
    case PORT_FB:
        return r->fis_addr;
    case PORT_FBU:
        return r->fis_addr_hi;
    case PORT_IS:
        return r->irq_stat;
    case PORT_IE:
        return r->irq_mask;
    case PORT_CMD:
        return r->cmd;
    case PORT_TFD:
        return r->tfdata;
    case PORT_SIG:
        return r->sig;
    case PORT_SSTS:
        return p->port.ifs[0].kind != IDE_NONE ? SSTS_PRESENT_GEN1_ACTIVE : 0;
    case PORT_SCTL:
        return r->scr_ctl;
    case PORT_SERR:
        return r->scr_err;
    case PORT_SACT:
        return r->scr_act;
    case PORT_CI:
        return r->cmd_issue;
    default:
        return 0;
    }
}

/* The device's first word, once there is a place for it: its signature. */
static void send_signature(AHCIPort *p)
{
    const IDEState *drive = ide_drive(&p->port);

    if (p->init_d2h_sent || !ahci_send_d2h(p, true)) {
        return;
    }
    p->init_d2h_sent = true;
    p->port_regs.sig = (uint32_t)drive->hcyl << 24 | drive->lcyl << 16 | drive->sector << 8 | (drive->nsector & 0xff);
}

static void write_cmd(AHCIPort *p, uint32_t value)
{
    AHCIPortRegs *r = &p->port_regs;
    bool ran = r->cmd & AHCI_CMD_LIST_RUNNING;

    r->cmd = value & PORT_CMD_WRITABLE;
    if (r->cmd & AHCI_CMD_START) {
        r->cmd |= AHCI_CMD_LIST_RUNNING;
    } else if (ran) {
        r->scr_act = 0;
        r->cmd_issue = 0;
    }
    if (r->cmd & AHCI_CMD_FIS) {
        r->cmd |= AHCI_CMD_FIS_RUNNING;
        send_signature(p);
    }
    ahci_check_commands(p);
}

/* A COMRESET is over when DET goes back from 1 to 0 (AHCI 10.4.2). */
static void write_sctl(AHCIPort *p, uint32_t value)
{
    bool reset = (p->port_regs.scr_ctl & SCTL_DET) == 1 && (value & SCTL_DET) == 0;

    p->port_regs.scr_ctl = value;
    if (reset) {
        ahci_port_reset(p);
    }
}

static void port_write(AHCIPort *p, unsigned offset, uint32_t value)
{
    AHCIPortRegs *r = &p->port_regs;

    switch (offset) {
    case PORT_CLB:
        r->lst_addr = value;
        break;
    case PORT_CLBU:
        r->lst_addr_hi = value;
        break;
    case PORT_FB:
        r->fis_addr = value;
        break;
    case PORT_FBU:
        r->fis_addr_hi = value;
        break;
    case PORT_IS:
        r->irq_stat &= ~value;
        ahci_check_irq(p->hba);
        break;
    case PORT_IE:
        r->irq_mask = value & PORT_IE_MASK;
        ahci_check_irq(p->hba);
        break;
    case PORT_CMD:
        write_cmd(p, value);
        break;
    case PORT_SCTL:
        write_sctl(p, value);
        break;
    case PORT_SERR:
        r->scr_err &= ~value;
        break;
    case PORT_SACT:
        r->scr_act |= value;
        break;
    case PORT_CI:
        r->cmd_issue |= value;
        ahci_check_commands(p);
        break;
    }
}

/* ---- Registers ---- */

static uint32_t read_dword(AHCIState *s, hwaddr offset)
{
    if (offset >= HBA_PORTS) {
        unsigned port = (offset - HBA_PORTS) / PORT_STRIDE;
        return port < AHCI_PORTS ? port_read(&s->dev[port], offset % PORT_STRIDE) : 0;
    }
    switch (offset) {
    case HBA_CAP:
        return s->control_regs.cap;
    case HBA_GHC:
        return s->control_regs.ghc;
    case HBA_IS:
        return s->control_regs.irqstatus;
    case HBA_PI:
        return s->control_regs.impl;
    case HBA_VS:
        return s->control_regs.version;
    default:
        return 0;
    }
}

static void write_dword(AHCIState *s, hwaddr offset, uint32_t value)
{
    if (offset >= HBA_PORTS) {
        unsigned port = (offset - HBA_PORTS) / PORT_STRIDE;
        if (port < AHCI_PORTS) {
            port_write(&s->dev[port], offset % PORT_STRIDE, value);
        }
        return;
    }
    if (offset == HBA_GHC) {
        if (value & GHC_RESET) {
            ahci_reset(s);
        } else {
            s->control_regs.ghc = (value & GHC_IRQ) | GHC_AHCI;
        }
        ahci_check_irq(s);
    } else if (offset == HBA_IS) {
        s->control_regs.irqstatus &= ~value;
        ahci_check_irq(s);
    }
}

/* Bytes of any alignment are read out of the dwords that have them; a write is a whole dword's, or nothing. */
static uint64_t mem_read(void *opaque, hwaddr offset, unsigned size)
{
    if (((AHCIState *)opaque)->in_dma) {
        return 0;
    }
    unsigned shift = offset % 4 * 8;
    hwaddr first = offset & ~3ull;
    uint64_t value = read_dword(opaque, first);

    if (shift + size * 8 > 32) {
        value |= (uint64_t)read_dword(opaque, first + 4) << 32;
    }
    return value >> shift;
}

static void mem_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    if (offset % 4 == 0 && !((AHCIState *)opaque)->in_dma) {
        write_dword(opaque, offset, value);
    }
}

const MemoryRegionOps ahci_mem_ops = {
    .read = mem_read, .write = mem_write, .valid = { .min = 1, .max = 8, .unaligned = true },
    .impl = { .min = 1, .max = 4 },
};

/* AHCI 10.14: index and data at the end of a port range, for those who can't reach memory. */
enum { IDP_INDEX = 0x10, IDP_DATA = 0x14, IDP_INDEX_MASK = 0xffc };

static uint64_t idp_read(void *opaque, hwaddr offset, unsigned size)
{
    AHCIState *s = opaque;

    if (s->in_dma) {
        return 0;
    }
    return offset == IDP_INDEX ? s->idp_index : offset == IDP_DATA ? read_dword(s, s->idp_index) : 0;
}

static void idp_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    AHCIState *s = opaque;

    if (s->in_dma) {
        return;
    }
    if (offset == IDP_INDEX) {
        s->idp_index = value & IDP_INDEX_MASK;
    } else if (offset == IDP_DATA) {
        write_dword(s, s->idp_index, value);
    }
}

const MemoryRegionOps ahci_idp_ops = { .read = idp_read, .write = idp_write };

/* ---- Life ---- */

static void check_later(void *opaque)
{
    ahci_check_commands(opaque);
}

void ahci_init(AHCIState *s, PCIDevice *pci)
{
    s->pci = pci;
    s->ports = AHCI_PORTS;
    s->control_regs.cap = (AHCI_PORTS - 1) | (AHCI_SLOTS - 1) << CAP_SLOTS_SHIFT | CAP_AHCI_ONLY | CAP_GEN1 | CAP_NCQ |
                          CAP_64BIT;
    s->control_regs.impl = (1u << AHCI_PORTS) - 1;
    s->control_regs.version = AHCI_VERSION_1_0;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        AHCIPort *p = &s->dev[i];

        p->hba = s;
        p->number = i;
        p->check = deferred_new(check_later, p);
        p->transfer.port = p;
        for (unsigned slot = 0; slot < AHCI_SLOTS; slot++) {
            p->ncq_tfs[slot].port = p->ncq_tfs[slot].transfer.port = p;
        }
        bus_init(&p->port, sizeof(p->port), TYPE_IDE_BUS, DEVICE(pci), NULL);
        ide_bus_setup(&p->port, &ahci_transport, p);
    }
}

void ahci_finalize(AHCIState *s)
{
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        AHCIPort *p = &s->dev[i];

        deferred_free(p->check);
        transfer_free(&p->transfer);
        for (unsigned slot = 0; slot < AHCI_SLOTS; slot++) {
            transfer_free(&p->ncq_tfs[slot].transfer);
        }
        bus_unparent(BUS(&p->port));
    }
}

/* ---- State ---- */

static bool ahci_post_load(void *opaque, int version, GError **error)
{
    AHCIState *s = opaque;

    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        AHCIPort *p = &s->dev[i];
        bool starts = p->port_regs.cmd & AHCI_CMD_START, lists = p->port_regs.cmd & AHCI_CMD_LIST_RUNNING;
        bool fis = p->port_regs.cmd & AHCI_CMD_FIS, receives = p->port_regs.cmd & AHCI_CMD_FIS_RUNNING;

        if (starts != lists || fis != receives) {
            return vmstate_error(error, EINVAL, "AHCI: DMA engine should be %s, but status bit indicates it is %s.",
                                 (starts != lists ? starts : fis) ? "on" : "off",
                                 (starts != lists ? starts : fis) ? "off" : "on");
        }
        if (!ahci_ncq_post_load(p, error) || !ahci_reload_command(p, error)) {
            return false;
        }
    }
    return true;
}

#define PORT_U32(f) VMS_U32(AHCIPort, port_regs.f)

static const VMStateDescription vmstate_port = {
    .name = "ahci port", .version_id = 1, .minimum_version_id = 0,
    .fields = VMS_FIELDS(
        VMS_STRUCT(AHCIPort, port, vmstate_ide_bus, .version_id = 1),
        VMS_STRUCT(AHCIPort, port.ifs[0], vmstate_ide_drive, .version_id = 1),
        VMS_U32(AHCIPort, port_state),
        VMS_U32(AHCIPort, finished),
        PORT_U32(lst_addr), PORT_U32(lst_addr_hi), PORT_U32(fis_addr), PORT_U32(fis_addr_hi), PORT_U32(irq_stat),
        PORT_U32(irq_mask), PORT_U32(cmd), PORT_U32(tfdata), PORT_U32(sig), PORT_U32(scr_stat), PORT_U32(scr_ctl),
        PORT_U32(scr_err), PORT_U32(scr_act), PORT_U32(cmd_issue),
        VMS_BOOL(AHCIPort, done_first_drq),
        VMS_I32(AHCIPort, busy_slot),
        VMS_BOOL(AHCIPort, init_d2h_sent),
        VMS_STRUCT_ARRAY(AHCIPort, ncq_tfs, vmstate_ncq, .version_id = 1)),
};

const VMStateDescription vmstate_ahci = {
    .name = "ahci", .version_id = 1, .minimum_version_id = 0, .post_load = ahci_post_load,
    .fields = VMS_FIELDS(
        VMS_STRUCT_ARRAY(AHCIState, dev, vmstate_port),
        VMS_U32(AHCIState, control_regs.cap), VMS_U32(AHCIState, control_regs.ghc),
        VMS_U32(AHCIState, control_regs.irqstatus), VMS_U32(AHCIState, control_regs.impl),
        VMS_U32(AHCIState, control_regs.version),
        VMS_U32(AHCIState, idp_index),
        VMS_I32_EQUAL(AHCIState, ports)),
};
