#include "hw/i2c/smbus-ich9.h"

#include "hw/core/release.h"
#include "hw/i2c/pm-smbus.h"

/* Config space (ICH9 datasheet, 20.1). */
enum { HOSTC = 0x40, HOSTC_HST_EN = 0x01, HOSTC_I2C_EN = 0x04, HOSTC_SSRESET = 0x08, SMB_BASE_BAR = 4 };

typedef struct ICH9SMB {
    PCIDevice parent_obj;
    bool irq_enabled;
    PMSMBus smb;
} ICH9SMB;

static void set_irq(void *opaque, bool level)
{
    ICH9SMB *s = opaque;

    if (s->irq_enabled != level) {
        s->irq_enabled = level;
        pci_set_irq(&s->parent_obj, level);
    }
}

static void apply_hostc(ICH9SMB *s)
{
    uint8_t hostc = s->parent_obj.config[HOSTC];

    memory_region_set_enabled(&s->smb.io, hostc & HOSTC_HST_EN);
    s->smb.i2c_enable = hostc & HOSTC_I2C_EN;
}

static void smb_config_write(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    pci_config_write(dev, addr, value, len);
    if (pci_ranges_overlap(addr, len, HOSTC, 1)) {
        apply_hostc((ICH9SMB *)dev);
    }
}

static bool smb_realize(PCIDevice *dev, GError **error)
{
    ICH9SMB *s = (ICH9SMB *)dev;
    I2CBus *bus = i2c_bus_new(DEVICE(dev), "i2c", error);

    if (!bus) {
        return false;
    }
    dev->config[PCI_INTERRUPT_PIN] = 1;
    dev->wmask[HOSTC] = (uint8_t)~HOSTC_SSRESET;
    pm_smbus_init(&s->smb, OBJECT(dev), bus, set_irq, s);
    pci_register_bar(dev, SMB_BASE_BAR, PCI_BASE_ADDRESS_SPACE_IO, &s->smb.io);
    apply_hostc(s);
    return true;
}

static void smb_exit(PCIDevice *dev)
{
    ICH9SMB *s = (ICH9SMB *)dev;

    i2c_bus_free(s->smb.bus);
    memory_region_destroy(&s->smb.io);
}

static bool smb_post_load(void *opaque, int version_id, GError **error)
{
    ICH9SMB *s = opaque;
    bool i2c_enable = s->smb.i2c_enable;

    apply_hostc(s);
    s->smb.i2c_enable = i2c_enable;
    return true;
}

static const VMStateDescription vmstate_smb = {
    .name = "ich9_smb", .version_id = 1, .minimum_version_id = 1, .post_load = smb_post_load,
    .fields = VMS_FIELDS(
        VMS_PCI_DEVICE(ICH9SMB, parent_obj, .name = "dev"),
        VMS_BOOL(ICH9SMB, irq_enabled),
        VMS_STRUCT(ICH9SMB, smb, vmstate_pm_smbus)),
};

static void smb_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = smb_realize;
    pc->exit = smb_exit;
    pc->config_write = smb_config_write;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x2930;
    pc->revision = 2;
    pc->class_id = PCI_CLASS_SERIAL_SMBUS;
    dc->vmsd = &vmstate_smb;
    dc->user_creatable = false;
    klass->description = "ICH9 SMBUS Bridge";
}

static TypeInfo smb_type = {
    .name = TYPE_ICH9_SMB, .parent = TYPE_PCI_DEVICE, .size = sizeof(ICH9SMB), .class_init = smb_class_init,
    .interfaces = (const char *const[]){ INTERFACE_CONVENTIONAL_PCI, NULL },
};

/* Its name had a blank once. */
static void __attribute__((constructor)) smb_register(void)
{
    if (release_compare(release, RELEASE(6, 0)) < 0) {
        smb_type.name = "ICH9 SMB";
    }
    type_register(&smb_type);
}

I2CBus *ich9_smb_new(PCIBus *bus, GError **error)
{
    DeviceState *dev = device_new(smb_type.name);
    ICH9SMB *s = (ICH9SMB *)dev;

    s->parent_obj.devfn = ICH9_SMB_DEVFN;
    s->parent_obj.cap_present |= 1u << PCI_CAP_MULTIFUNCTION_BIT;
    return device_realize_and_unref(dev, &bus->parent_obj, error) ? s->smb.bus : NULL;
}
