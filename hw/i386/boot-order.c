/*
 * "bootorder" of fw_cfg: the devices that have a boot index, one a line, by their Open Firmware paths as SeaBIOS knows
 * them: "/pci@i0cf8/pci-bridge@3/scsi@0/disk@0,0".
 */
#include <stdlib.h>
#include <string.h>

#include "hw/core/bootindex.h"
#include "hw/i386/pc.h"
#include "hw/ide/ide.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/pci_host.h"

/* By class; a device of another one is called by its numbers. */
static char *pci_component(const PCIDevice *dev)
{
    unsigned class_id = pci_get_word(dev->config + PCI_CLASS_DEVICE), fn = PCI_FUNC(dev->devfn);
    g_autofree char *numbers = g_strdup_printf("pci%04x,%04x", pci_get_word(dev->config + PCI_VENDOR_ID),
                                               pci_get_word(dev->config + PCI_DEVICE_ID));
    const char *name = class_id == 0x0100 ? "scsi" : class_id == 0x0101 ? "ide" : class_id == 0x0200 ? "ethernet" :
                       class_id == 0x0604 ? "pci-bridge" : numbers;

    return fn ? g_strdup_printf("/%s@%x,%x", name, (unsigned)PCI_SLOT(dev->devfn), fn)
              : g_strdup_printf("/%s@%x", name, (unsigned)PCI_SLOT(dev->devfn));
}

static char *component(DeviceState *dev)
{
    if (object_dynamic_cast(dev, TYPE_PCI_DEVICE)) {
        return pci_component(PCI_DEVICE(dev));
    }
    if (object_dynamic_cast(dev, TYPE_PCI_HOST_BRIDGE)) {
        return g_strdup("/pci@i0cf8");
    }
    if (object_dynamic_cast(dev, TYPE_IDE_DEVICE)) {
        const char *number = strrchr(dev->bus->name, '.');      /* buses are NAME.0, NAME.1, … */

        return g_strdup_printf("/drive@%x/disk@%x", number ? atoi(number + 1) : 0, IDE_DEVICE(dev)->unit);
    }
    return object_dynamic_cast(dev, "virtio-blk-device") ? g_strdup("/disk@0,0") : g_strdup("");
}

static void add_line(int32_t index, Object *obj, void *opaque)
{
    GString *list = opaque;
    gssize at = list->len;

    if (!object_dynamic_cast(obj, TYPE_DEVICE)) {
        return;
    }
    for (DeviceState *dev = DEVICE(obj); dev; dev = dev->bus ? dev->bus->parent : NULL) {
        g_autofree char *part = component(dev);

        g_string_insert(list, at, part);
    }
    g_string_append_c(list, '\n');
}

/* Lines end in \n, the last one in NUL. strict: nothing else is tried. */
void pc_set_boot_order(PCMachineState *pc)
{
    GString *list = g_string_new(NULL);
    bool strict = false;
    gsize length;
    char *text;

    bootindex_foreach(add_line, list);
    if (pc->parent_obj.boot) {
        json_get_bool(json_member(pc->parent_obj.boot, "strict"), &strict);
    }
    if (list->len && strict) {
        g_string_append(list, "HALT\n");
    }
    if (list->len) {
        list->str[list->len - 1] = '\0';
    }
    length = list->len;
    text = g_string_free(list, false);
    fw_cfg_set_file(pc->fw_cfg, "bootorder", (FWCfgItem){ .data = text, .data_length = length, .length = length,
                                                          .owned = true });
}
