/*
 * Advanced Error Reporting: registers, the flow of an error (PCIe 4.0, 6.2.5, figure 6-2), the header log and its
 * queue. Where the message goes from there is in pcie-aer-msg.c.
 */
#include "hw/pci/pcie_aer.h"

#include "hw/pci/pcie-aer-internal.h"
#include "hw/pci/pcie.h"
#include "util/error.h"

#define UNCOR_SUPPORTED                                                                     \
    (PCI_ERR_UNC_DLP | PCI_ERR_UNC_SDN | PCI_ERR_UNC_POISON_TLP | PCI_ERR_UNC_FCP | PCI_ERR_UNC_COMP_TIME | \
     PCI_ERR_UNC_COMP_ABORT | PCI_ERR_UNC_UNX_COMP | PCI_ERR_UNC_RX_OVER | PCI_ERR_UNC_MALF_TLP | PCI_ERR_UNC_ECRC | \
     PCI_ERR_UNC_UNSUP | PCI_ERR_UNC_ACSV | PCI_ERR_UNC_INTN | PCI_ERR_UNC_MCBTLP | PCI_ERR_UNC_ATOPEB |  \
     PCI_ERR_UNC_TLPPRE)
#define UNCOR_SEVERITY_DEFAULT                                                              \
    (PCI_ERR_UNC_DLP | PCI_ERR_UNC_SDN | PCI_ERR_UNC_FCP | PCI_ERR_UNC_RX_OVER | PCI_ERR_UNC_MALF_TLP |     \
     PCI_ERR_UNC_INTN)
#define UNCOR_MASK_DEFAULT (PCI_ERR_UNC_INTN | PCI_ERR_UNC_TLPPRE)
#define COR_SUPPORTED                                                                       \
    (PCI_ERR_COR_RCVR | PCI_ERR_COR_BAD_TLP | PCI_ERR_COR_BAD_DLLP | PCI_ERR_COR_REP_ROLL | PCI_ERR_COR_REP_TIMER | \
     PCI_ERR_COR_ADV_NFAT | PCI_ERR_COR_INTERNAL | PCI_ERR_COR_LOG_OVER)
#define COR_MASK_DEFAULT (PCI_ERR_COR_ADV_NFAT | PCI_ERR_COR_INTERNAL | PCI_ERR_COR_LOG_OVER)

static uint8_t *reg(const PCIDevice *dev, unsigned offset)
{
    return dev->config + dev->aer_cap + offset;
}

static uint32_t get(const PCIDevice *dev, unsigned offset)
{
    return pci_get_long(reg(dev, offset));
}

/* QEMU looks at Device Control, and keeps what is in Device Status, only where there is AER. */
static uint16_t device_control(const PCIDevice *dev)
{
    return dev->aer_log ? pci_get_word(dev->config + dev->exp_cap + PCI_EXP_DEVCTL) : 0;
}

/* Making it. */

bool pcie_aer_init(PCIDevice *dev, uint8_t version, uint16_t offset, uint16_t size, GError **error)
{
    uint8_t *config = dev->config + offset, *wmask = dev->wmask + offset, *w1cmask = dev->w1cmask + offset;

    if (dev->aer_log_max > AER_LOG_MAX_LIMIT) {
        return error_setf(error, "Invalid aer_log_max %d. The max number of aer log is %d", dev->aer_log_max,
                          AER_LOG_MAX_LIMIT);
    }
    pcie_add_capability(dev, PCI_EXT_CAP_ID_ERR, version, offset, size);
    dev->aer_cap = offset;
    dev->aer_log = g_new0(PCIEAERLog, 1);
    dev->aer_log->log_max = dev->aer_log_max;
    dev->aer_log->log = g_new0(PCIEAERErr, dev->aer_log_max);

    pci_set_long(w1cmask + PCI_ERR_UNCOR_STATUS, UNCOR_SUPPORTED);
    if (dev->cap_present & (1u << PCIE_ERR_UNC_MASK_BIT)) {
        pci_set_long(config + PCI_ERR_UNCOR_MASK, UNCOR_MASK_DEFAULT);
        pci_set_long(wmask + PCI_ERR_UNCOR_MASK, UNCOR_SUPPORTED);
    }
    pci_set_long(config + PCI_ERR_UNCOR_SEVER, UNCOR_SEVERITY_DEFAULT);
    pci_set_long(wmask + PCI_ERR_UNCOR_SEVER, UNCOR_SUPPORTED);
    pci_set_long(w1cmask + PCI_ERR_COR_STATUS, COR_SUPPORTED);
    pci_set_long(config + PCI_ERR_COR_MASK, COR_MASK_DEFAULT);
    pci_set_long(wmask + PCI_ERR_COR_MASK, COR_SUPPORTED);
    pci_set_long(config + PCI_ERR_CAP,
                 PCI_ERR_CAP_ECRC_GENC | PCI_ERR_CAP_ECRC_CHKC | (dev->aer_log_max ? PCI_ERR_CAP_MHRC : 0));
    pci_set_long(wmask + PCI_ERR_CAP,
                 PCI_ERR_CAP_ECRC_GENE | PCI_ERR_CAP_ECRC_CHKE | (dev->aer_log_max ? PCI_ERR_CAP_MHRE : 0));
    return true;
}

void pcie_aer_exit(PCIDevice *dev)
{
    if (dev->aer_log) {
        g_free(dev->aer_log->log);
        g_clear_pointer(&dev->aer_log, g_free);
        dev->aer_cap = 0;
    }
}

/* The header log: the registers show the first error, the queue has those that came after it (6.2.4.2). */

static void show_header(PCIDevice *dev, const PCIEAERErr *err)
{
    uint32_t control = get(dev, PCI_ERR_CAP) & ~(PCI_ERR_CAP_FEP(~0u) | PCI_ERR_CAP_TLP_PREFIX_LOG);
    uint32_t capable = pci_get_long(dev->config + dev->exp_cap + PCI_EXP_DEVCAP2);
    bool has_header = err && (err->flags & AER_ERR_HEADER_VALID);
    bool has_prefix = err && (err->flags & AER_ERR_TLP_PREFIX_PRESENT) && (capable & PCI_EXP_DEVCAP2_EETLPP);

    for (int i = 0; i < 4; i++) {
        /* Bytes of a TLP are numbered from the most significant. */
        store_be32(reg(dev, PCI_ERR_HEADER_LOG) + 4 * i, has_header ? err->header[i] : 0);
        store_be32(reg(dev, PCI_ERR_TLP_PREFIX_LOG) + 4 * i, has_prefix ? err->prefix[i] : 0);
    }
    control |= err ? PCI_ERR_CAP_FEP(g_bit_nth_lsf(err->status, -1)) : 0;
    control |= has_prefix ? PCI_ERR_CAP_TLP_PREFIX_LOG : 0;
    pci_set_long(reg(dev, PCI_ERR_CAP), control);
}

/* Whether the registers hold an error that the guest has not cleared. */
static bool first_error_valid(const PCIDevice *dev)
{
    return get(dev, PCI_ERR_UNCOR_STATUS) & (1u << PCI_ERR_CAP_FEP(get(dev, PCI_ERR_CAP)));
}

static bool log_append(PCIEAERLog *log, const PCIEAERErr *err)
{
    if (log->log_num >= log->log_max) {
        return false;
    }
    log->log[log->log_num++] = *err;
    return true;
}

static PCIEAERErr log_take_first(PCIEAERLog *log)
{
    PCIEAERErr first = log->log[0];

    log->log_num--;
    memmove(log->log, log->log + 1, log->log_num * sizeof(*log->log));
    return first;
}

/* False: there was no room for it. With no queue the last error is the one to see. */
static bool record(PCIDevice *dev, const PCIEAERErr *err)
{
    if ((get(dev, PCI_ERR_CAP) & PCI_ERR_CAP_MHRE) && first_error_valid(dev)) {
        return log_append(dev->aer_log, err);
    }
    show_header(dev, err);
    return true;
}

/* The guest cleared the first error: the next one of the queue takes its place. */
static void advance(PCIDevice *dev)
{
    PCIEAERErr next;

    if (dev->aer_log->log_num) {
        next = log_take_first(dev->aer_log);
        show_header(dev, &next);
    } else {
        show_header(dev, NULL);
    }
}

/* Clearing a status bit clears it for one error; others of the kind may be queued. */
static void show_queued(PCIDevice *dev)
{
    const PCIEAERLog *log = dev->aer_log;

    for (unsigned i = 0; i < log->log_num; i++) {
        pci_long_set(reg(dev, PCI_ERR_UNCOR_STATUS), log->log[i].status & UNCOR_SUPPORTED);
    }
}

void pcie_aer_write_config(PCIDevice *dev, uint32_t addr, unsigned len)
{
    bool valid = first_error_valid(dev);

    if (get(dev, PCI_ERR_CAP) & PCI_ERR_CAP_MHRE) {
        show_queued(dev);
    } else {
        dev->aer_log->log_num = 0;
    }
    if (!valid) {
        advance(dev);
    }
}

/* The flow of one error. */

typedef struct Flow {
    PCIDevice *dev;
    const PCIEAERErr *err;
    uint32_t status;            /* its bit */
    bool unsupported_request;
    bool overflow;              /* there was no room to record it */
} Flow;

/* QEMU writes a dword here and with it zeroes the lower half of Link Capabilities; that is not done again. */
static void detected(const Flow *flow, uint16_t bit)
{
    uint8_t *status = flow->dev->config + flow->dev->exp_cap + PCI_EXP_DEVSTA;

    pci_set_word(status, (flow->dev->aer_log ? pci_get_word(status) : 0) | bit |
                 (flow->unsupported_request ? PCI_EXP_DEVSTA_URD : 0));
}

/* An unsupported request has an enable of its own, which SERR# overrides. */
static bool request_error_enabled(const Flow *flow, bool or_serr)
{
    bool serr = or_serr && (pci_get_word(flow->dev->config + PCI_COMMAND) & PCI_COMMAND_SERR);

    return !flow->unsupported_request || serr || (device_control(flow->dev) & PCI_EXP_DEVCTL_URRE);
}

/* Correctable, or an uncorrectable one signalled as correctable (6.2.3.2.4). True: send the message. */
static bool flow_correctable(Flow *flow, bool advisory)
{
    PCIDevice *dev = flow->dev;

    detected(flow, PCI_EXP_DEVSTA_CED);
    if (dev->aer_log) {
        uint32_t bit = advisory ? PCI_ERR_COR_ADV_NFAT : flow->status;

        pci_long_set(reg(dev, PCI_ERR_COR_STATUS), bit);
        if (get(dev, PCI_ERR_COR_MASK) & bit) {
            return false;
        }
        if (advisory) {
            if (!(get(dev, PCI_ERR_UNCOR_MASK) & flow->status)) {
                flow->overflow = !record(dev, flow->err);
            }
            pci_long_set(reg(dev, PCI_ERR_UNCOR_STATUS), flow->status);
        }
    }
    return request_error_enabled(flow, false) && (device_control(dev) & PCI_EXP_DEVCTL_CERE);
}

static bool flow_uncorrectable(Flow *flow, uint16_t detected_bit, uint16_t enable)
{
    PCIDevice *dev = flow->dev;
    uint16_t command = pci_get_word(dev->config + PCI_COMMAND);

    detected(flow, detected_bit);
    if (dev->aer_log) {
        bool masked = get(dev, PCI_ERR_UNCOR_MASK) & flow->status;

        if (!masked) {
            flow->overflow = !record(dev, flow->err);
        }
        pci_long_set(reg(dev, PCI_ERR_UNCOR_STATUS), flow->status);
        if (masked) {
            return false;
        }
    }
    return request_error_enabled(flow, true) && ((command & PCI_COMMAND_SERR) || (device_control(dev) & enable));
}

static bool is_fatal(const PCIDevice *dev, uint32_t status)
{
    return (dev->aer_log ? get(dev, PCI_ERR_UNCOR_SEVER) : UNCOR_SEVERITY_DEFAULT) & status;
}

/* 0: no message. */
static int run_flow(Flow *flow)
{
    if (flow->err->flags & AER_ERR_IS_CORRECTABLE) {
        return flow_correctable(flow, false) ? AER_SEVERITY_COR : 0;
    }
    if (is_fatal(flow->dev, flow->status)) {
        return flow_uncorrectable(flow, PCI_EXP_DEVSTA_FED, PCI_EXP_DEVCTL_FERE) ? AER_SEVERITY_FATAL : 0;
    }
    if (flow->err->flags & AER_ERR_MAYBE_ADVISORY) {
        return flow_correctable(flow, true) ? AER_SEVERITY_COR : 0;
    }
    return flow_uncorrectable(flow, PCI_EXP_DEVSTA_NFED, PCI_EXP_DEVCTL_NFERE) ? AER_SEVERITY_NONFATAL : 0;
}

int pcie_aer_inject_error(PCIDevice *dev, const PCIEAERErr *err)
{
    bool correctable = err->flags & AER_ERR_IS_CORRECTABLE;
    Flow flow = {
        .dev = dev,
        .err = err,
        .status = err->status & (correctable ? COR_SUPPORTED : UNCOR_SUPPORTED),
        .unsupported_request = !correctable && err->status == PCI_ERR_UNC_UNSUP,
    };
    int severity;

    if (!dev->exp_cap) {
        return -ENOSYS;
    }
    if (!IS_POWER_OF_2(flow.status)) {
        return -EINVAL;
    }
    severity = run_flow(&flow);
    if (!severity) {
        return 0;
    }
    pcie_aer_message(dev, severity, err->source_id);
    if (flow.overflow) {
        /* QEMU's says that it comes from 00:00.0. */
        PCIEAERErr overflow = { .status = PCI_ERR_COR_LOG_OVER, .flags = AER_ERR_IS_CORRECTABLE };

        return pcie_aer_inject_error(dev, &overflow);
    }
    return 0;
}

/* Migration. */

static const VMStateDescription vmstate_aer_error = {
    .name = "PCIE_AER_ERROR",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U32(PCIEAERErr, status),
        VMS_U16(PCIEAERErr, source_id),
        VMS_U16(PCIEAERErr, flags),
        VMS_U32_ARRAY(PCIEAERErr, header),
        VMS_U32_ARRAY(PCIEAERErr, prefix)),
};

/* log_num counts what follows, and log_max, which agrees by then, is the room for it. */
static bool log_num_fits(void *opaque, int version_id)
{
    const PCIEAERLog *log = opaque;

    return log->log_num <= log->log_max;
}

const VMStateDescription vmstate_pcie_aer_log = {
    .name = "PCIE_AER_ERROR_LOG",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U16(PCIEAERLog, log_num),
        VMS_U16_EQUAL(PCIEAERLog, log_max),
        { .name = "log_num <= log_max", .flags = VMSF_MUST_EXIST, .exists = log_num_fits },
        VMS_COUNTED_PTR(PCIEAERLog, log, log_num, AER_LOG_MAX_LIMIT, vmstate_aer_error)),
};
