/*
 * A PCI device on the wire: version, config space, INTx lines. Config space that comes in must agree with the device
 * wherever the guest could not have changed it, and is then taken over whole.
 */
#include "hw/pci/pci-internal.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_explain.h"
#include "hw/pci/pcie.h"
#include "util/error.h"

enum { IRQ_STATE_SIZE = PCI_NUM_PINS * 4 };

int pci_config_mismatch(const PCIDevice *dev, const uint8_t *bytes)
{
    for (unsigned i = 0; i < dev->config_size; i++) {
        if ((bytes[i] ^ dev->config[i]) & dev->cmask[i] & ~dev->wmask[i] & ~dev->w1cmask[i]) {
            return i;
        }
    }
    return -1;
}

static bool config_take(PCIDevice *dev, Stream *s, size_t size, GError **error)
{
    g_autofree uint8_t *bytes = g_malloc(size);
    int i;

    if (!stream_get(s, bytes, size)) {
        return true;    /* seen by whoever loads the field */
    }
    i = pci_config_mismatch(dev, bytes);
    if (i >= 0) {
        pci_explain_mismatch(dev, bytes, i, s);
        return error_setf(error, "get_pci_config_device: Bad config data: i=0x%x read: %x device: %x cmask: %x "
                          "wmask: %x w1cmask:%x", i, bytes[i], dev->config[i], dev->cmask[i], dev->wmask[i],
                          dev->w1cmask[i]);
    }
    memcpy(dev->config, bytes, size);
    pci_update_mappings(dev);
    if (PCI_DEVICE_GET_CLASS(dev)->is_bridge) {
        pci_bridge_update_windows(PCI_BRIDGE(dev));
    }
    return true;
}

static PCIDevice *of_config(const void *where)
{
    return (PCIDevice *)((char *)where - offsetof(PCIDevice, config));
}

static bool config_get(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    PCIDevice *dev = of_config(where);

    g_assert(size == dev->config_size);
    return config_take(dev, s, size, error);
}

static void config_put(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    stream_put(s, of_config(where)->config, size);
}

static const VMStateKind kind_pci_config = { .name = "pci config", .get = config_get, .put = config_put };

static bool irq_state_take(PCIDevice *dev, Stream *s, GError **error)
{
    uint8_t state = 0;

    for (int pin = 0; pin < PCI_NUM_PINS; pin++) {
        uint32_t level = stream_get_be32(s);

        if (level > 1) {
            return error_setf(error, "irq state %d: must be 0 or 1.", (int)level);
        }
        state |= level << pin;
    }
    dev->irq_state = state;
    return true;
}

static bool irq_state_get(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    return irq_state_take((PCIDevice *)((char *)where - offsetof(PCIDevice, irq_state)), s, error);
}

static void irq_state_put(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    for (int pin = 0; pin < PCI_NUM_PINS; pin++) {
        stream_put_be32(s, (*(const uint8_t *)where >> pin) & 1);
    }
}

static const VMStateKind kind_pci_irq_state = { .name = "pci irq state", .get = irq_state_get, .put = irq_state_put };

static bool has_256(void *opaque, int version_id)
{
    return ((PCIDevice *)opaque)->config_size == PCI_CONFIG_SIZE;
}

static bool has_4096(void *opaque, int version_id)
{
    return ((PCIDevice *)opaque)->config_size == PCIE_CONFIG_SIZE;
}

/* A load that failed may have left an older version, and that is the limit of the next one. */
static bool pci_device_pre_load(void *opaque, GError **error)
{
    ((PCIDevice *)opaque)->version_id = vmstate_pci_device.version_id;
    return true;
}

const VMStateDescription vmstate_pci_device = {
    .name = "PCIDevice",
    .pre_load = pci_device_pre_load,
    .version_id = 2,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_SCALAR(vms_kind_i32_le, int32_t, PCIDevice, version_id),
        VMS_OPAQUE(PCIDevice, config, kind_pci_config, PCI_CONFIG_SIZE, .exists = has_256),
        VMS_OPAQUE(PCIDevice, config, kind_pci_config, PCIE_CONFIG_SIZE, .exists = has_4096),
        VMS_OPAQUE(PCIDevice, irq_state, kind_pci_irq_state, IRQ_STATE_SIZE, .version_id = 2)),
};

/* The virtio way: the description's bytes without a section around them. */

void pci_device_save(PCIDevice *dev, Stream *s)
{
    /* Not the guest's state but the lines', which follow. */
    uint8_t status = dev->config[PCI_STATUS];

    dev->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
    vmstate_save(s, &vmstate_pci_device, dev, NULL, NULL);
    dev->config[PCI_STATUS] = status;
}

bool pci_device_load(PCIDevice *dev, Stream *s, GError **error)
{
    bool ok = vmstate_load(s, &vmstate_pci_device, dev, vmstate_pci_device.version_id, error);

    if (dev->irq_state) {
        dev->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
    } else {
        dev->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
    }
    return ok;
}
