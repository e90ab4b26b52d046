/*
 * AHCI, the Serial ATA host (AHCI 1.3.1): registers, command lists, received FISes, command tables with their PRDs.
 * ahci.c has registers, interrupts and resets; ahci-command.c commands; ahci-prd.c the guest's memory; ahci-ncq.c the
 * queued commands; ich9-ahci.c the PCI function. All that lies in guest memory is read once and checked.
 */
#ifndef HW_IDE_AHCI_H
#define HW_IDE_AHCI_H

#include "hw/ide/ide.h"
#include "hw/pci/pci.h"

#define TYPE_ICH9_AHCI "ich9-ahci"
OBJECT_DECLARE_SIMPLE_TYPE(ICH9AHCI, ICH9_AHCI)

#define AHCI_PORTS 6
#define AHCI_SLOTS 32

/* Registers of a port, as they go over the wire. */
typedef struct AHCIPortRegs {
    uint32_t lst_addr, lst_addr_hi, fis_addr, fis_addr_hi, irq_stat, irq_mask, cmd, tfdata, sig, scr_stat, scr_ctl,
        scr_err, scr_act, cmd_issue;
} AHCIPortRegs;

/* Where a transfer stands in a physical region descriptor table; tells how much was taken of it. */
typedef struct PrdCursor {
    uint64_t table;             /* guest address */
    uint32_t count, index;
    uint64_t addr;              /* of what is left of region index - 1 */
    uint64_t left;
} PrdCursor;

#define AHCI_IOV 128

/* A transfer between disk and guest, in pieces: the regions may be many, and memory that is no RAM goes by a buffer. */
typedef struct DiskTransfer {
    struct AHCIPort *port;
    BlockBackend *blk;
    PrdCursor prd;
    BlockOp op;
    unsigned flags;
    uint64_t offset, left;      /* bytes */
    uint64_t piece;             /* bytes under way */
    bool active, cancelled;
    struct iovec *iov;          /* AHCI_IOV; made at first use */
    unsigned iovcnt;
    uint8_t *bounce;            /* NULL: none in use */
    PrdCursor bounce_prd;       /* where its bytes go */
    BlockCallback fn;
    void *opaque;
} DiskTransfer;

typedef struct NCQTransfer {
    /* migrated */
    uint32_t sector_count;
    uint64_t lba;
    uint8_t tag, cmd, slot;
    bool used, halt;
    /* not */
    struct AHCIPort *port;
    DiskTransfer transfer;
    int64_t start;
} NCQTransfer;

typedef struct AHCIPort {
    struct AHCIState *hba;
    unsigned number;
    IDEBus port;
    struct Deferred *check;     /* looks for commands that were issued meanwhile */
    bool resetting;             /* nobody is told of what ends now */
    /* migrated */
    uint32_t port_state;        /* 0: runs; 1: the guest holds it in software reset */
    uint32_t finished;          /* NCQ commands that the guest was not told of yet */
    AHCIPortRegs port_regs;
    bool done_first_drq;
    int32_t busy_slot;          /* -1: none */
    bool init_d2h_sent;
    NCQTransfer ncq_tfs[AHCI_SLOTS];
    /* of the command in busy_slot; read again on load */
    uint64_t header_addr;
    uint16_t header_opts;
    uint32_t transferred;       /* PRDBC */
    uint64_t table;
    PrdCursor prd;
    DiskTransfer transfer;
} AHCIPort;

typedef struct AHCIState {
    AHCIPort dev[AHCI_PORTS];
    PCIDevice *pci;
    MemoryRegion mem, idp;
    unsigned in_dma;
    bool error_irq_alone;       /* a failed command raises the error alone */
    /* migrated */
    struct {
        uint32_t cap, ghc, irqstatus, impl, version;
    } control_regs;
    uint32_t idp_index;
    int32_t ports;
} AHCIState;

struct ICH9AHCI {
    PCIDevice parent_obj;
    AHCIState ahci;
};

IDEBus *ich9_ahci_bus(ICH9AHCI *d, unsigned port);

/* ---- ahci.c ---- */
extern const MemoryRegionOps ahci_mem_ops, ahci_idp_ops;
void ahci_init(AHCIState *s, PCIDevice *pci);
void ahci_finalize(AHCIState *s);
void ahci_reset(AHCIState *s);
void ahci_port_reset(AHCIPort *p);
void ahci_irq(AHCIPort *p, unsigned bit);
void ahci_check_irq(AHCIState *s);
extern const VMStateDescription vmstate_ahci;

/* Bits of a port's interrupt status. */
enum { AHCI_IRQ_D2H = 0, AHCI_IRQ_PIO = 1, AHCI_IRQ_SDB = 3, AHCI_IRQ_OVERFLOW = 24, AHCI_IRQ_TASK_FILE = 30 };
enum { AHCI_CMD_START = 1 << 0, AHCI_CMD_FIS = 1 << 4, AHCI_CMD_FIS_RUNNING = 1 << 14,
       AHCI_CMD_LIST_RUNNING = 1 << 15 };
enum { AHCI_RUN, AHCI_IN_RESET };

/* ---- ahci-command.c ---- */
extern const IDETransport ahci_transport;
void ahci_check_commands(AHCIPort *p);
/* A FIS from the device: false without a place for it. `irq`: with the I bit. */
bool ahci_send_d2h(AHCIPort *p, bool irq);
void ahci_send_sdb(AHCIPort *p, uint32_t finished);
/* After a load: the command in busy_slot goes on where it stood. */
bool ahci_reload_command(AHCIPort *p, GError **error);
bool ahci_read_header(AHCIPort *p, unsigned slot, uint16_t *opts, PrdCursor *prd);

/* ---- ahci-prd.c ---- */
/* Bus mastering; registers of the controller itself do not answer meanwhile. */
MemTxResult ahci_dma_read(const AHCIPort *p, uint64_t addr, void *buf, uint64_t size);
MemTxResult ahci_dma_write(const AHCIPort *p, uint64_t addr, const void *buf, uint64_t size);
uint64_t prd_size(const AHCIPort *p, const PrdCursor *prd, uint64_t limit);
uint64_t prd_copy(const AHCIPort *p, PrdCursor *prd, void *buf, uint64_t size, bool to_guest);
void prd_skip(const AHCIPort *p, PrdCursor *prd, uint64_t size);
/* t->port, blk, prd, op, flags, offset, left, fn and opaque are set. fn comes once, later; not if it is cancelled. */
void transfer_start(DiskTransfer *t);
void transfer_cancel(DiskTransfer *t);
void transfer_free(DiskTransfer *t);

/* ---- ahci-ncq.c ---- */
void ahci_ncq_start(AHCIPort *p, const uint8_t *fis, unsigned slot);
void ahci_ncq_reset(AHCIPort *p);
void ahci_ncq_restart(AHCIPort *p);
bool ahci_ncq_post_load(AHCIPort *p, GError **error);
extern const VMStateDescription vmstate_ncq;

#endif
