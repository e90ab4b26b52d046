/*
 * Error messages (PCIe 4.0, 6.2.4 and 6.2.6): up through each bridge that lets them pass to the root port, which
 * records them and interrupts.
 */
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie-aer-internal.h"
#include "hw/pci/pcie.h"

enum { ROOT_ENABLES = PCI_ERR_ROOT_CMD_COR_EN | PCI_ERR_ROOT_CMD_NONFATAL_EN | PCI_ERR_ROOT_CMD_FATAL_EN };

static uint8_t *reg(const PCIDevice *dev, unsigned offset)
{
    return dev->config + dev->aer_cap + offset;
}

/* The root port. */

void pcie_aer_root_init(PCIDevice *dev)
{
    uint16_t at = dev->aer_cap;

    pci_set_long(dev->wmask + at + PCI_ERR_ROOT_COMMAND, ROOT_ENABLES);
    pci_set_long(dev->w1cmask + at + PCI_ERR_ROOT_STATUS,
                 PCI_ERR_ROOT_COR_RCV | PCI_ERR_ROOT_MULTI_COR_RCV | PCI_ERR_ROOT_UNCOR_RCV |
                 PCI_ERR_ROOT_MULTI_UNCOR_RCV | PCI_ERR_ROOT_FIRST_FATAL | PCI_ERR_ROOT_NONFATAL_RCV |
                 PCI_ERR_ROOT_FATAL_RCV);
    /* Which message it uses is for the running device to say. */
    pci_set_long(dev->cmask + at + PCI_ERR_ROOT_STATUS, ~PCI_ERR_ROOT_AER_IRQ);
}

void pcie_aer_root_reset(PCIDevice *dev)
{
    pci_set_long(reg(dev, PCI_ERR_ROOT_COMMAND), 0);
}

void pcie_aer_root_set_vector(PCIDevice *dev, unsigned vector)
{
    g_assert(vector < 32);
    pci_long_clear(reg(dev, PCI_ERR_ROOT_STATUS), PCI_ERR_ROOT_AER_IRQ);
    pci_long_set(reg(dev, PCI_ERR_ROOT_STATUS), vector << PCI_ERR_ROOT_AER_IRQ_SHIFT);
}

static unsigned root_vector(const PCIDevice *dev)
{
    return pci_get_long(reg(dev, PCI_ERR_ROOT_STATUS)) >> PCI_ERR_ROOT_AER_IRQ_SHIFT;
}

/* The enables that a root error status calls for. */
static uint32_t enables_for(uint32_t status)
{
    return (status & PCI_ERR_ROOT_COR_RCV ? PCI_ERR_ROOT_CMD_COR_EN : 0) |
           (status & PCI_ERR_ROOT_NONFATAL_RCV ? PCI_ERR_ROOT_CMD_NONFATAL_EN : 0) |
           (status & PCI_ERR_ROOT_FATAL_RCV ? PCI_ERR_ROOT_CMD_FATAL_EN : 0);
}

/*
 * 6.2.4.1.2: a level on INTx; a message when the condition begins. Slot and error reporting share the line, and as in
 * QEMU whoever speaks last has it: any write to config space sets it to what error reporting wants.
 */
static void root_interrupt(PCIDevice *dev, bool was, bool is, bool is_write)
{
    if (msix_enabled(dev)) {
        if (is && !was) {
            msix_notify(dev, root_vector(dev));
        }
    } else if (msi_enabled(dev)) {
        if (is && !was) {
            msi_notify(dev, root_vector(dev));
        }
    } else if (is || is_write) {
        pci_set_irq(dev, is);
    }
}

void pcie_aer_root_write_config(PCIDevice *dev, uint32_t addr, unsigned len, uint32_t root_cmd_before)
{
    uint32_t wanted = enables_for(pci_get_long(reg(dev, PCI_ERR_ROOT_STATUS)));
    uint32_t command = pci_get_long(reg(dev, PCI_ERR_ROOT_COMMAND));

    root_interrupt(dev, root_cmd_before & wanted, command & wanted, true);
}

static uint32_t record_uncorrectable(PCIDevice *dev, uint32_t status, uint16_t source_id)
{
    if (status & PCI_ERR_ROOT_UNCOR_RCV) {
        return status | PCI_ERR_ROOT_MULTI_UNCOR_RCV;
    }
    pci_set_word(reg(dev, PCI_ERR_ROOT_ERR_SRC) + 2, source_id);
    return status | PCI_ERR_ROOT_UNCOR_RCV;
}

static void root_receive(PCIDevice *dev, int severity, uint16_t source_id)
{
    uint32_t before = pci_get_long(reg(dev, PCI_ERR_ROOT_STATUS)), status = before;
    uint32_t command = pci_get_long(reg(dev, PCI_ERR_ROOT_COMMAND));

    switch (severity) {
    case AER_SEVERITY_COR:
        if (status & PCI_ERR_ROOT_COR_RCV) {
            status |= PCI_ERR_ROOT_MULTI_COR_RCV;
        } else {
            pci_set_word(reg(dev, PCI_ERR_ROOT_ERR_SRC), source_id);
            status |= PCI_ERR_ROOT_COR_RCV;
        }
        break;
    case AER_SEVERITY_NONFATAL:
        status = record_uncorrectable(dev, status, source_id) | PCI_ERR_ROOT_NONFATAL_RCV;
        break;
    case AER_SEVERITY_FATAL:
        if (!(status & PCI_ERR_ROOT_UNCOR_RCV)) {
            status |= PCI_ERR_ROOT_FIRST_FATAL;
        }
        status = record_uncorrectable(dev, status, source_id) | PCI_ERR_ROOT_FATAL_RCV;
        break;
    }
    pci_set_long(reg(dev, PCI_ERR_ROOT_STATUS), status);
    root_interrupt(dev, enables_for(before) & command, enables_for(status) & command, false);
}

/* On the way. */

/* A bridge hears a message on its secondary side and passes it on if Bridge Control's SERR# enable says so. */
static bool bridge_passes(PCIDevice *dev, int severity)
{
    if (severity != AER_SEVERITY_COR) {
        pci_word_set(dev->config + PCI_SEC_STATUS, PCI_STATUS_SIG_SYSTEM_ERROR);
    }
    return pci_get_word(dev->config + PCI_BRIDGE_CONTROL) & PCI_BRIDGE_CTL_SERR;
}

/* Whether the function sends it, its own or one from below. */
static bool function_sends(PCIDevice *dev, int severity)
{
    uint16_t control = pci_get_word(dev->config + dev->exp_cap + PCI_EXP_DEVCTL);
    bool serr = severity != AER_SEVERITY_COR && (pci_get_word(dev->config + PCI_COMMAND) & PCI_COMMAND_SERR);

    if (!serr && !((dev->cap_present & (1u << PCIE_AER_MSG_DEVCTL_BIT)) && (control & severity))) {
        return false;
    }
    pci_word_set(dev->config + PCI_STATUS, PCI_STATUS_SIG_SYSTEM_ERROR);
    /* The values of AERSeverity are the enables' bits. */
    return control & severity;
}

void pcie_aer_message(PCIDevice *dev, int severity, uint16_t source_id)
{
    for (; dev && dev->exp_cap; dev = pci_device_bus(dev)->parent_dev) {
        uint8_t type = pcie_cap_type(dev);
        bool bridge = type == PCI_EXP_TYPE_ROOT_PORT || type == PCI_EXP_TYPE_UPSTREAM ||
                      type == PCI_EXP_TYPE_DOWNSTREAM;

        if ((bridge && !bridge_passes(dev, severity)) || !function_sends(dev, severity)) {
            return;
        }
        if (type == PCI_EXP_TYPE_ROOT_PORT) {
            if (dev->aer_log) {
                root_receive(dev, severity, source_id);
            }
            return;
        }
    }
}
