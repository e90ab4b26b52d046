/* The ICH9's AHCI controller: a PCI function with six ports (ICH9 datasheet, chapter 15). */
#include "hw/core/release.h"
#include "hw/ide/ahci.h"
#include "hw/pci/msi.h"
#include "util/error.h"

enum {
    AHCI_IDP_BAR = 4, AHCI_MEM_BAR = 5, AHCI_IDP_SIZE = 32, AHCI_MEM_SIZE = 0x1000,
    CAP_MSI = 0x80, CAP_SATA = 0xa8, CAP_SATA_SIZE = 8, MAP = 0x90, MAP_AHCI_MODE = 0x40,
    /* Serial ATA capability 1.0; the index-data pair is 16 bytes into BAR 4. */
    SATA_REVISION = 2, SATA_BAR_OFFSET = 4, SATA_REVISION_1_0 = 0x10, SATA_IDP_IN_BAR4_AT_16 = 4 << 4 | 8,
};

IDEBus *ich9_ahci_bus(ICH9AHCI *d, unsigned port)
{
    return &d->ahci.dev[port].port;
}

static bool ich9_ahci_realize(PCIDevice *pci, GError **error)
{
    ICH9AHCI *d = ICH9_AHCI(pci);
    AHCIState *s = &d->ahci;

    pci->config[PCI_CLASS_PROG] = 1;
    pci->config[PCI_INTERRUPT_PIN] = 1;
    pci->config[MAP] = MAP_AHCI_MODE;
    pci_register_bar(pci, AHCI_IDP_BAR, PCI_BASE_ADDRESS_SPACE_IO, &s->idp);
    pci_register_bar(pci, AHCI_MEM_BAR, 0, &s->mem);
    if (!pci_add_capability(pci, PCI_CAP_ID_SATA, CAP_SATA, CAP_SATA_SIZE, error)) {
        return false;
    }
    pci_set_word(pci->config + CAP_SATA + SATA_REVISION, SATA_REVISION_1_0);
    pci_set_long(pci->config + CAP_SATA + SATA_BAR_OFFSET, SATA_IDP_IN_BAR4_AT_16);
    if (!msi_init(pci, CAP_MSI, 1, true, false, error)) {
        return false;
    }
    s->error_irq_alone = release_compare(release, RELEASE(8, 2)) >= 0;
    ahci_init(s, pci);
    return true;
}

static void ich9_ahci_exit(PCIDevice *pci)
{
    ahci_finalize(&ICH9_AHCI(pci)->ahci);
    msi_uninit(pci);
}

static void ich9_ahci_reset(DeviceState *dev)
{
    ahci_reset(&ICH9_AHCI(dev)->ahci);
}

static void ich9_ahci_init(Object *obj)
{
    AHCIState *s = &ICH9_AHCI(obj)->ahci;

    memory_region_init_io(&s->mem, obj, &ahci_mem_ops, s, "ahci", AHCI_MEM_SIZE);
    memory_region_init_io(&s->idp, obj, &ahci_idp_ops, s, "ahci-idp", AHCI_IDP_SIZE);
}

static void ich9_ahci_finalize(Object *obj)
{
    AHCIState *s = &ICH9_AHCI(obj)->ahci;

    memory_region_destroy(&s->mem);
    memory_region_destroy(&s->idp);
}

static const VMStateDescription vmstate_ich9_ahci = {
    .name = "ich9_ahci", .version_id = 1, .minimum_version_id = 0,
    .fields = VMS_FIELDS(
        VMS_PCI_DEVICE(ICH9AHCI, parent_obj),
        VMS_STRUCT(ICH9AHCI, ahci, vmstate_ahci)),
};

static void ich9_ahci_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = ich9_ahci_realize;
    pc->exit = ich9_ahci_exit;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x2922;
    pc->revision = 2;
    pc->class_id = PCI_CLASS_STORAGE_SATA;
    dc->reset.hold = ich9_ahci_reset;
    dc->vmsd = &vmstate_ich9_ahci;
    dc->alias = "ahci";
    dc->categories = 1u << DEVICE_CATEGORY_STORAGE;
}

static const TypeInfo ich9_ahci_type = {
    .name = TYPE_ICH9_AHCI, .parent = TYPE_PCI_DEVICE, .size = sizeof(ICH9AHCI), .init = ich9_ahci_init,
    .finalize = ich9_ahci_finalize, .class_init = ich9_ahci_class_init,
    .interfaces = (const char *const[]){ INTERFACE_CONVENTIONAL_PCI, NULL },
};
TYPE_REGISTER(ich9_ahci_type)
