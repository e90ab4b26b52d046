/*
 * Advanced Error Reporting (PCIe 4.0, 6.2).
 *
 * A device detects an error: pcie_aer_inject_error() runs the flow of figure 6-2 (severity, masks, advisory non-fatal,
 * first error pointer, header log and its queue), and lets a message out if the enables say so. The message goes up
 * through the bridges, each of which may stop it, to the root port, which records it and signals its interrupt.
 */
#ifndef HW_PCI_PCIE_AER_H
#define HW_PCI_PCIE_AER_H

#include "hw/pci/pci.h"

#define AER_LOG_MAX_DEFAULT 8
#define AER_LOG_MAX_LIMIT 128

/* Error messages; the values are those of the device control and status bits. */
typedef enum {
    AER_SEVERITY_COR = 0x1,
    AER_SEVERITY_NONFATAL = 0x2,
    AER_SEVERITY_FATAL = 0x4,
} AERSeverity;

enum {
    AER_ERR_IS_CORRECTABLE = 0x1,       /* status is one of the correctable errors */
    AER_ERR_MAYBE_ADVISORY = 0x2,       /* signal as advisory non-fatal where the rules allow it */
    AER_ERR_HEADER_VALID = 0x4,
    AER_ERR_TLP_PREFIX_PRESENT = 0x8,
};

typedef struct PCIEAERErr {
    uint32_t status;            /* one bit of the (un)correctable status register */
    uint16_t source_id;
    uint16_t flags;
    uint32_t header[4];
    uint32_t prefix[4];
} PCIEAERErr;

/* Errors whose header the registers have no room for, oldest first. */
typedef struct PCIEAERLog {
    uint16_t log_num;
    uint16_t log_max;
    PCIEAERErr *log;            /* log_max of them */
} PCIEAERLog;

/* Adds the capability (size PCI_ERR_SIZEOF or what the port needs); dev->aer_log_max entries of queue. */
bool pcie_aer_init(PCIDevice *dev, uint8_t version, uint16_t offset, uint16_t size, GError **error);
void pcie_aer_exit(PCIDevice *dev);
void pcie_aer_root_init(PCIDevice *dev);
void pcie_aer_root_reset(PCIDevice *dev);
void pcie_aer_root_set_vector(PCIDevice *dev, unsigned vector);
/* Called by pci_config_write(). */
void pcie_aer_write_config(PCIDevice *dev, uint32_t addr, unsigned len);
void pcie_aer_root_write_config(PCIDevice *dev, uint32_t addr, unsigned len, uint32_t root_cmd_before);

/* 0, or a negative errno: -ENODEV without PCIe, -EINVAL for a status of no or several bits or one that is reserved. */
int pcie_aer_inject_error(PCIDevice *dev, const PCIEAERErr *err);

/* HMP: "ID ERROR_STATUS [-a] [-c] [header0..3 [prefix0..3]]". `error_status` is a name or a number. */
typedef struct PCIEAERRequest {
    const char *id;
    const char *error_status;
    bool advisory_non_fatal, correctable;
    unsigned num_dwords;        /* 0 to 8 */
    uint32_t dwords[8];         /* header, then prefix */
} PCIEAERRequest;
/* The reply ("OK id: rp0 root bus: pcie.0, bus: 0 devfn: 8.0\n") is appended to out. */
bool pcie_aer_inject_request(const PCIEAERRequest *request, GString *out, GError **error);
bool pcie_aer_error_by_name(const char *name, uint32_t *status, bool *correctable);

/* 4 bytes, and 40 for each queued error. */
extern const VMStateDescription vmstate_pcie_aer_log;
/* `f` is the PCIDevice in t, `path` its name on the wire, a string. */
#define VMS_PCIE_AER_LOG(t, f, path, ...)                                                    \
    VMS_STRUCT_PTR(t, f.aer_log, vmstate_pcie_aer_log, .name = path ".exp.aer_log", ##__VA_ARGS__)

#endif
