/*
 * AER for people: errors by name, and injection as the monitor's command takes it.
 */
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "util/error.h"

typedef struct ErrorName {
    const char *name;
    uint32_t bit;
} ErrorName;

/* As QEMU's monitor spells them. */
static const ErrorName uncor_names[] = {
    { "DLP", PCI_ERR_UNC_DLP },
    { "SDN", PCI_ERR_UNC_SDN },
    { "POISON_TLP", PCI_ERR_UNC_POISON_TLP },
    { "FCP", PCI_ERR_UNC_FCP },
    { "COMP_TIME", PCI_ERR_UNC_COMP_TIME },
    { "COMP_ABORT", PCI_ERR_UNC_COMP_ABORT },
    { "UNX_COMP", PCI_ERR_UNC_UNX_COMP },
    { "RX_OVER", PCI_ERR_UNC_RX_OVER },
    { "MALF_TLP", PCI_ERR_UNC_MALF_TLP },
    { "ECRC", PCI_ERR_UNC_ECRC },
    { "UNSUP", PCI_ERR_UNC_UNSUP },
    { "ACSV", PCI_ERR_UNC_ACSV },
    { "INTN", PCI_ERR_UNC_INTN },
    { "MCBTLP", PCI_ERR_UNC_MCBTLP },
    { "ATOP_EBLOCKED", PCI_ERR_UNC_ATOPEB },
    { "TLP_PRF_BLOCKED", PCI_ERR_UNC_TLPPRE },
};
static const ErrorName cor_names[] = {
    { "RCVR", PCI_ERR_COR_RCVR },
    { "BAD_TLP", PCI_ERR_COR_BAD_TLP },
    { "BAD_DLLP", PCI_ERR_COR_BAD_DLLP },
    { "REP_ROLL", PCI_ERR_COR_REP_ROLL },
    { "REP_TIMER", PCI_ERR_COR_REP_TIMER },
    { "ADV_NONFATAL", PCI_ERR_COR_ADV_NFAT },
    { "INTERNAL", PCI_ERR_COR_INTERNAL },
    { "HL_OVERFLOW", PCI_ERR_COR_LOG_OVER },
};
bool pcie_aer_error_by_name(const char *name, uint32_t *status, bool *correctable)
{
    for (size_t i = 0; i < G_N_ELEMENTS(uncor_names); i++) {
        if (g_str_equal(uncor_names[i].name, name)) {
            *status = uncor_names[i].bit;
            *correctable = false;
            return true;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(cor_names); i++) {
        if (g_str_equal(cor_names[i].name, name)) {
            *status = cor_names[i].bit;
            *correctable = true;
            return true;
        }
    }
    return false;
}

static bool parse_status(const PCIEAERRequest *request, uint32_t *status, bool *correctable, GError **error)
{
    const char *text = request->error_status;
    uint64_t number;
    char *end;

    if (pcie_aer_error_by_name(text, status, correctable)) {
        return true;
    }
    errno = 0;
    number = g_ascii_strtoull(text, &end, 0);
    if (!g_ascii_isdigit(*text) || *end || errno || number > UINT32_MAX) {
        return error_setf(error, "invalid error status value '%s'", text);
    }
    *status = number;
    *correctable = request->correctable;
    return true;
}

bool pcie_aer_inject_request(const PCIEAERRequest *request, GString *out, GError **error)
{
    DeviceState *qdev = *request->id == '/' ? NULL : device_find(request->id);
    PCIEAERErr err = { 0 };
    PCIDevice *dev;
    bool correctable;
    int result;

    if (!qdev || !object_dynamic_cast(qdev, TYPE_PCI_DEVICE) || !qdev->realized) {
        return error_set_class(error, ERROR_CLASS_DEVICE_NOT_FOUND, "device '%s' not found", request->id);
    }
    dev = PCI_DEVICE(qdev);
    if (!dev->exp_cap) {
        return error_setf(error, "device '%s' is not a PCIe device", request->id);
    }
    if (!parse_status(request, &err.status, &correctable, error)) {
        return false;
    }
    err.source_id = pci_requester_id(dev);
    err.flags |= correctable ? AER_ERR_IS_CORRECTABLE : 0;
    err.flags |= request->advisory_non_fatal ? AER_ERR_MAYBE_ADVISORY : 0;
    err.flags |= request->num_dwords > 0 ? AER_ERR_HEADER_VALID : 0;
    err.flags |= request->num_dwords > 4 ? AER_ERR_TLP_PREFIX_PRESENT : 0;
    for (unsigned i = 0; i < MIN(request->num_dwords, 8); i++) {
        *(i < 4 ? &err.header[i] : &err.prefix[i - 4]) = request->dwords[i];
    }
    result = pcie_aer_inject_error(dev, &err);
    if (result < 0) {
        return error_set_errno(error, -result, "failed to inject error");
    }
    g_string_append_printf(out, "OK id: %s root bus: 0000:00, bus: %x devfn: %x.%x\n", request->id,
                           pci_bus_number(pci_device_bus(dev)), PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn));
    return true;
}
