/*
 * An emulator with a few devices more, for tests of how machines move: test-stuck has a state that can't be saved,
 * test-blocker blocks migration for the `reason` given, test-ari has an ARI capability, which no other device here has.
 */
#include "hw/pci/pci.h"
#include "hw/pci/pcie.h"
#include "migration/register.h"
#include "system/main.h"

#define TYPE_TEST_STUCK "test-stuck"
#define TYPE_TEST_BLOCKER "test-blocker"
#define TYPE_TEST_ARI "test-ari"

typedef struct TestBlocker {
    PCIDevice parent_obj;
    /* set by the user */
    char *reason;
    /* rebuilt */
    MigrationBlocker *blocker;
} TestBlocker;

typedef struct TestAri {
    PCIDevice parent_obj;
} TestAri;

static TestBlocker *blocker_of(void *opaque)
{
    return opaque;
}

static bool nothing(PCIDevice *dev, GError **error)
{
    return true;
}

static bool blocker_realize(PCIDevice *dev, GError **error)
{
    TestBlocker *s = blocker_of(dev);

    s->blocker = migration_block(s->reason ? s->reason : "no reason", error);
    return s->blocker != NULL;
}

static void blocker_exit(PCIDevice *dev)
{
    migration_unblock(blocker_of(dev)->blocker);
}

static bool ari_realize(PCIDevice *dev, GError **error)
{
    if (!pcie_endpoint_cap_init(dev, 0x80, error)) {
        return false;
    }
    pcie_ari_init(dev, PCI_CONFIG_SIZE);
    return true;
}

static const VMStateDescription vmstate_ari = {
    .name = TYPE_TEST_ARI, .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_PCI_DEVICE(TestAri, parent_obj)),
};

static const VMStateDescription vmstate_stuck = {
    .name = TYPE_TEST_STUCK, .version_id = 1, .minimum_version_id = 1, .unmigratable = true,
};

static void stuck_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = nothing;
    pc->vendor_id = PCI_VENDOR_ID_REDHAT;
    pc->parent_class.vmsd = &vmstate_stuck;
}

static void ari_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = ari_realize;
    pc->vendor_id = PCI_VENDOR_ID_REDHAT;
    pc->parent_class.vmsd = &vmstate_ari;
}

static const Property blocker_props[] = {
    DEFINE_PROP_STRING("reason", TestBlocker, reason),
};

static void blocker_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = blocker_realize;
    pc->exit = blocker_exit;
    pc->vendor_id = PCI_VENDOR_ID_REDHAT;
    object_class_add_props(klass, blocker_props, G_N_ELEMENTS(blocker_props));
}

static const char *const conventional[] = { INTERFACE_CONVENTIONAL_PCI, NULL };

static const TypeInfo stuck_type = {
    .name = TYPE_TEST_STUCK, .parent = TYPE_PCI_DEVICE, .size = sizeof(PCIDevice), .class_init = stuck_class_init,
    .interfaces = conventional,
};
TYPE_REGISTER(stuck_type)

static const TypeInfo blocker_type = {
    .name = TYPE_TEST_BLOCKER, .parent = TYPE_PCI_DEVICE, .size = sizeof(TestBlocker), .class_init = blocker_class_init,
    .interfaces = conventional,
};
TYPE_REGISTER(blocker_type)

static const char *const express[] = { INTERFACE_PCIE_DEVICE, NULL };

static const TypeInfo ari_type = {
    .name = TYPE_TEST_ARI, .parent = TYPE_PCI_DEVICE, .size = sizeof(TestAri), .class_init = ari_class_init,
    .interfaces = express,
};
TYPE_REGISTER(ari_type)

int main(int argc, char **argv)
{
    return godwit_main(argc, argv);
}
