/*
 * Config space, explained. A byte offset becomes a capability, a register and its bits; the compat history says which
 * property decides them, and the ledger what to set on which side.
 */
#include "hw/pci/pci_explain.h"

#include <string.h>

#include "hw/core/compat.h"
#include "migration/ledger.h"

typedef struct Register {
    uint16_t offset;
    uint8_t size;
    const char *name;
    const char *hint;
} Register;

static const Register header[] = {
    { PCI_VENDOR_ID, 2, "PCI_VENDOR_ID", "another kind of device sits here" },
    { PCI_DEVICE_ID, 2, "PCI_DEVICE_ID",
      "another kind of device sits here; of a virtio device disable-legacy= and disable-modern= decide it" },
    { PCI_COMMAND, 2, "PCI_COMMAND", NULL },
    { PCI_STATUS, 2, "PCI_STATUS", NULL },
    { PCI_REVISION_ID, 1, "PCI_REVISION_ID", NULL },
    { PCI_CLASS_PROG, 3, "PCI_CLASS", "another kind of device sits here" },
    { PCI_CACHE_LINE_SIZE, 1, "PCI_CACHE_LINE_SIZE", NULL },
    { PCI_LATENCY_TIMER, 1, "PCI_LATENCY_TIMER", NULL },
    { PCI_HEADER_TYPE, 1, "PCI_HEADER_TYPE", "multifunction= decides bit 7" },
    { PCI_BIST, 1, "PCI_BIST", NULL },
    { PCI_CAPABILITY_LIST, 1, "PCI_CAPABILITY_LIST", "the capabilities are not the same ones" },
    { PCI_INTERRUPT_LINE, 1, "PCI_INTERRUPT_LINE", NULL },
    { PCI_INTERRUPT_PIN, 1, "PCI_INTERRUPT_PIN", NULL },
    { 0 },
};

static const Register header_normal[] = {
    { 0x10, 4, "BAR 0", "a BAR's size and kind" }, { 0x14, 4, "BAR 1", "a BAR's size and kind" },
    { 0x18, 4, "BAR 2", "a BAR's size and kind" }, { 0x1c, 4, "BAR 3", "a BAR's size and kind" },
    { 0x20, 4, "BAR 4", "a BAR's size and kind" }, { 0x24, 4, "BAR 5", "a BAR's size and kind" },
    { PCI_SUBSYSTEM_VENDOR_ID, 2, "PCI_SUBSYSTEM_VENDOR_ID", NULL }, { PCI_SUBSYSTEM_ID, 2, "PCI_SUBSYSTEM_ID", NULL },
    { PCI_ROM_ADDRESS, 4, "PCI_ROM_ADDRESS", "romfile=, romsize= and rombar= decide it" },
    { 0 },
};

static const Register header_bridge[] = {
    { 0x10, 4, "BAR 0", "a BAR's size and kind" }, { 0x14, 4, "BAR 1", "a BAR's size and kind" },
    { PCI_PRIMARY_BUS, 1, "PCI_PRIMARY_BUS", NULL }, { PCI_SECONDARY_BUS, 1, "PCI_SECONDARY_BUS", NULL },
    { PCI_SUBORDINATE_BUS, 1, "PCI_SUBORDINATE_BUS", NULL }, { PCI_SEC_LATENCY_TIMER, 1, "PCI_SEC_LATENCY_TIMER", NULL },
    { PCI_IO_BASE, 1, "PCI_IO_BASE", NULL }, { PCI_IO_LIMIT, 1, "PCI_IO_LIMIT", NULL },
    { 0x1e, 2, "PCI_SEC_STATUS", NULL }, { 0x20, 2, "PCI_MEMORY_BASE", NULL }, { 0x22, 2, "PCI_MEMORY_LIMIT", NULL },
    { 0x24, 2, "PCI_PREF_MEMORY_BASE", NULL }, { 0x26, 2, "PCI_PREF_MEMORY_LIMIT", NULL },
    { 0x3e, 2, "PCI_BRIDGE_CONTROL", NULL },
    { 0 },
};

static const Register list_head[] = { { 0, 1, "the capability's id", "the capabilities are not the same ones" },
                                      { 1, 1, "the pointer to the next capability", "the capabilities are not the same ones" },
                                      { 0 } };
static const Register pm[] = { { PCI_PM_PMC, 2, "PCI_PM_PMC", NULL }, { PCI_PM_CTRL, 2, "PCI_PM_CTRL", NULL }, { 0 } };
static const Register msi[] = { { PCI_MSI_FLAGS, 2, "PCI_MSI_FLAGS", NULL }, { 0 } };
static const Register msix[] = {
    { PCI_MSIX_FLAGS, 2, "PCI_MSIX_FLAGS", "the size of the MSI-X table: vectors=, which follows num-queues=" },
    { PCI_MSIX_TABLE, 4, "PCI_MSIX_TABLE", NULL }, { PCI_MSIX_PBA, 4, "PCI_MSIX_PBA", NULL }, { 0 },
};
static const Register ssvid[] = { { 4, 2, "PCI_SSVID_SVID", NULL }, { 6, 2, "PCI_SSVID_SSID", NULL }, { 0 } };
static const Register express[] = {
    { PCI_EXP_FLAGS, 2, "PCI_EXP_FLAGS", NULL }, { PCI_EXP_DEVCAP, 4, "PCI_EXP_DEVCAP", NULL },
    { PCI_EXP_DEVCTL, 2, "PCI_EXP_DEVCTL", NULL }, { PCI_EXP_DEVSTA, 2, "PCI_EXP_DEVSTA", NULL },
    { PCI_EXP_LNKCAP, 4, "PCI_EXP_LNKCAP", "x-speed= and x-width= decide it" },
    { PCI_EXP_LNKCTL, 2, "PCI_EXP_LNKCTL", NULL }, { PCI_EXP_LNKSTA, 2, "PCI_EXP_LNKSTA", NULL },
    { PCI_EXP_SLTCAP, 4, "PCI_EXP_SLTCAP", "slot= decides bits 19 to 31, hotplug= bits 0 to 6" },
    { PCI_EXP_SLTCTL, 2, "PCI_EXP_SLTCTL", NULL },
    { PCI_EXP_SLTSTA, 2, "PCI_EXP_SLTSTA", "bit 6 says that a device is in the slot" },
    { PCI_EXP_RTCTL, 2, "PCI_EXP_RTCTL", NULL }, { PCI_EXP_RTCAP, 2, "PCI_EXP_RTCAP", NULL },
    { PCI_EXP_RTSTA, 4, "PCI_EXP_RTSTA", NULL }, { PCI_EXP_DEVCAP2, 4, "PCI_EXP_DEVCAP2", NULL },
    { PCI_EXP_DEVCTL2, 2, "PCI_EXP_DEVCTL2", NULL }, { PCI_EXP_LNKCAP2, 4, "PCI_EXP_LNKCAP2", "x-speed= decides it" },
    { PCI_EXP_LNKCTL2, 2, "PCI_EXP_LNKCTL2", NULL }, { PCI_EXP_LNKSTA2, 2, "PCI_EXP_LNKSTA2", NULL }, { 0 },
};

static const Register extended_head[] = { { 0, 4, "the capability's header", "the capabilities are not the same ones" }, { 0 } };
static const Register aer[] = {
    { PCI_ERR_UNCOR_STATUS, 4, "PCI_ERR_UNCOR_STATUS", NULL }, { PCI_ERR_UNCOR_MASK, 4, "PCI_ERR_UNCOR_MASK", NULL },
    { PCI_ERR_UNCOR_SEVER, 4, "PCI_ERR_UNCOR_SEVER", NULL }, { 0x10, 4, "PCI_ERR_COR_STATUS", NULL },
    { 0x14, 4, "PCI_ERR_COR_MASK", NULL }, { 0x18, 4, "PCI_ERR_CAP", NULL }, { 0x1c, 4, "PCI_ERR_HEADER_LOG", NULL },
    { 0x20, 4, "PCI_ERR_HEADER_LOG + 4", NULL }, { 0x24, 4, "PCI_ERR_HEADER_LOG + 8", NULL },
    { 0x28, 4, "PCI_ERR_HEADER_LOG + 12", NULL }, { 0x2c, 4, "PCI_ERR_ROOT_COMMAND", NULL },
    { 0x30, 4, "PCI_ERR_ROOT_STATUS", NULL }, { 0x34, 4, "PCI_ERR_ROOT_ERR_SRC", NULL },
    { 0x38, 4, "PCI_ERR_PREFIX_LOG", NULL }, { 0x3c, 4, "PCI_ERR_PREFIX_LOG + 4", NULL },
    { 0x40, 4, "PCI_ERR_PREFIX_LOG + 8", NULL }, { 0x44, 4, "PCI_ERR_PREFIX_LOG + 12", NULL }, { 0 },
};
static const Register acs[] = { { 4, 2, "PCI_ACS_CAP", NULL }, { 6, 2, "PCI_ACS_CTRL", NULL }, { 0 } };
static const Register ari[] = { { 4, 2, "PCI_ARI_CAP", NULL }, { 6, 2, "PCI_ARI_CTRL", NULL }, { 0 } };
static const Register ats[] = { { 4, 2, "PCI_ATS_CAP", NULL }, { 6, 2, "PCI_ATS_CTRL", NULL }, { 0 } };

typedef struct Capability {
    uint16_t id;
    bool extended;
    const char *name;
    uint16_t size;              /* what of it is ours to explain; 0: up to the next capability */
    const Register *registers;
} Capability;

static const Capability capabilities[] = {
    { PCI_CAP_ID_PM, false, "Power Management", PCI_PM_SIZEOF, pm },
    { PCI_CAP_ID_MSI, false, "MSI", 24, msi },
    { PCI_CAP_ID_MSIX, false, "MSI-X", 12, msix },
    { PCI_CAP_ID_SSVID, false, "subsystem id", 8, ssvid },
    { PCI_CAP_ID_EXP, false, "PCI Express", PCI_EXP_V2_SIZEOF, express },
    { PCI_CAP_ID_VNDR, false, "vendor-specific", 20, NULL },
    { PCI_EXT_CAP_ID_ERR, true, "AER", 0x48, aer },
    { PCI_EXT_CAP_ID_ACS, true, "ACS", 8, acs },
    { PCI_EXT_CAP_ID_ARI, true, "ARI", 8, ari },
    { PCI_EXT_CAP_ID_ATS, true, "ATS", 8, ats },
};

static const Register *find_register(const Register *table, unsigned offset)
{
    for (; table && table->name; table++) {
        if (offset >= table->offset && offset < table->offset + table->size) {
            return table;
        }
    }
    return NULL;
}

static const Capability *find_capability(uint16_t id, bool extended)
{
    for (size_t i = 0; i < G_N_ELEMENTS(capabilities); i++) {
        if (capabilities[i].id == id && capabilities[i].extended == extended) {
            return &capabilities[i];
        }
    }
    return NULL;
}

/* Calls fn for each capability; false from it stops. The lists are this device's own, but bounded all the same. */
static bool walk_capabilities(const PCIDevice *dev, bool (*fn)(uint16_t id, bool extended, uint16_t at, void *opaque),
                              void *opaque)
{
    unsigned at = dev->config[PCI_STATUS] & PCI_STATUS_CAP_LIST ? dev->config[PCI_CAPABILITY_LIST] & ~3u : 0;

    for (int i = 0; i < 48 && at >= PCI_STD_HEADER_SIZEOF; i++) {
        if (!fn(dev->config[at], false, at, opaque)) {
            return false;
        }
        at = dev->config[at + 1] & ~3u;
    }
    if (dev->config_size <= PCI_CONFIG_SIZE) {
        return true;
    }
    at = PCI_CONFIG_SIZE;
    for (int i = 0; i < 480 && at >= PCI_CONFIG_SIZE; i++) {
        uint32_t head = pci_get_long(dev->config + at);

        if (!head || !fn(PCI_EXT_CAP_ID(head), true, at, opaque)) {
            return !head;
        }
        at = PCI_EXT_CAP_NEXT(head) & ~3u;
    }
    return true;
}

/* The register at a place in config space. */

typedef struct Place {
    unsigned at;
    uint16_t id, base;
    bool extended;
} Place;

/* The last capability that begins at or before the place. */
static bool nearest(uint16_t id, bool extended, uint16_t at, void *opaque)
{
    Place *place = opaque;

    if (at <= place->at && at >= place->base && extended == (place->at >= PCI_CONFIG_SIZE)) {
        place->id = id;
        place->base = at;
        place->extended = extended;
    }
    return true;
}

static PCIRegisterName in_header(const PCIDevice *dev, unsigned at)
{
    bool bridge = (dev->config[PCI_HEADER_TYPE] & ~PCI_HEADER_TYPE_MULTI_FUNCTION) == PCI_HEADER_TYPE_BRIDGE;
    const Register *r = find_register(bridge ? header_bridge : header_normal, at);

    r = r ? r : find_register(header, at);
    return (PCIRegisterName){ .name = r ? r->name : "a reserved place of the header", .offset = r ? r->offset : at,
                              .size = r ? r->size : 1, .hint = r ? r->hint : NULL };
}

PCIRegisterName pci_explain_register(const PCIDevice *dev, unsigned at)
{
    Place place = { .at = at };
    PCIRegisterName result = { .name = "a register", .offset = at, .size = 1 };
    const Capability *capability;
    const Register *r;

    if (at < PCI_STD_HEADER_SIZEOF) {
        return in_header(dev, at);
    }
    walk_capabilities(dev, nearest, &place);
    capability = place.base ? find_capability(place.id, place.extended) : NULL;
    if (!place.base || (capability && at - place.base >= capability->size)) {
        result.hint = "the device's own register, or a capability that only the source has";
        return result;
    }
    r = find_register(place.extended ? extended_head : list_head, at - place.base);
    r = r ? r : find_register(capability ? capability->registers : NULL, at - place.base);
    result.capability = capability ? capability->name : "unknown";
    result.capability_id = place.id;
    result.extended = place.extended;
    result.base = place.base;
    result.offset = r ? r->offset : at - place.base;
    if (r) {
        result.name = r->name;
        result.size = r->size;
        result.hint = r->hint;
    }
    return result;
}

/* Rows of the history. */

typedef struct Search {
    uint16_t id;
    bool extended;
    uint16_t at;
} Search;

static bool is_it(uint16_t id, bool extended, uint16_t at, void *opaque)
{
    Search *search = opaque;

    if (id == search->id && extended == search->extended) {
        search->at = at;
        return false;
    }
    return true;
}

/* Where the capability of a row's register is in this device; false: it has none. 0 stands for the header. */
static bool base_of(const PCIDevice *dev, const CompatRegister *reg, uint16_t *base)
{
    Search search = { reg->capability, reg->extended, 0 };

    if (reg->capability) {
        walk_capabilities(dev, is_it, &search);
    }
    *base = search.at;
    return !reg->capability || search.at;
}

static char *place_text(const CompatRegister *reg, uint16_t base)
{
    const Capability *capability = find_capability(reg->capability, reg->extended);

    if (!reg->capability) {
        return g_strdup_printf("%s, 0x%x in config space, bits 0x%0*x", reg->name, reg->offset, reg->size * 2, reg->bits);
    }
    return g_strdup_printf("%s, offset 0x%x in the %s capability, 0x%x in config space, bits 0x%0*x", reg->name, reg->offset,
                           capability ? capability->name : "", base + reg->offset, reg->size * 2, reg->bits);
}

static bool visible(Object *device, const CompatRow *row, char **where)
{
    uint16_t base;

    if (!row->reg || !object_dynamic_cast(device, row->reg->of ? row->reg->of : TYPE_PCI_DEVICE)) {
        return true;
    }
    if (!base_of(PCI_DEVICE(device), row->reg, &base)) {
        return false;
    }
    *where = place_text(row->reg, base);
    return true;
}

static void __attribute__((constructor)) pci_explain_init(void)
{
    ledger_visible = visible;
}

/* The refusal of a config space. */

static uint32_t value_at(const uint8_t *bytes, const PCIRegisterName *r)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < r->size; i++) {
        value |= (uint32_t)bytes[r->base + r->offset + i] << 8 * i;
    }
    return value;
}

typedef struct OwnerSearch {
    const char *driver;
    Object *found;
} OwnerSearch;

static bool find_below(Object *obj, void *opaque)
{
    OwnerSearch *search = opaque;

    if (type_is_a(object_type(obj), search->driver)) {
        search->found = obj;
        return false;
    }
    return object_foreach_child(obj, find_below, opaque);
}

/* The object that has the row's property: the device, a part of it, or one elsewhere in the machine. */
static Object *owner_of(PCIDevice *dev, const char *driver)
{
    OwnerSearch search = { driver, NULL };
    DeviceState *ds = DEVICE(dev);
    bool ambiguous = false;

    if (type_is_a(object_type(&ds->parent_obj), driver)) {
        return &ds->parent_obj;
    }
    object_foreach_child(&ds->parent_obj, find_below, &search);
    for (guint i = 0; !search.found && ds->child_buses && i < ds->child_buses->len; i++) {
        BusState *bus = ds->child_buses->pdata[i];

        for (guint k = 0; !search.found && bus->children && k < bus->children->len; k++) {
            find_below(bus->children->pdata[k], &search);
        }
    }
    return search.found ? search.found : object_resolve_path_type("", driver, &ambiguous);
}

/* The source's value, as far as the register's bits tell it: a switch is the other way round there. */
static char *their_value(const CompatRow *row, const char *ours, uint32_t received)
{
    if (strcmp(ours, "on") == 0 || strcmp(ours, "off") == 0) {
        return g_strdup(strcmp(ours, "on") == 0 ? "off" : "on");
    }
    return g_strdup_printf("%u", (received & row->reg->bits) >> __builtin_ctz(row->reg->bits));
}

static bool row_is_about(const PCIDevice *dev, const CompatRow *row, const PCIRegisterName *r, uint32_t differing)
{
    return row->reg && row->kind == COMPAT_PROPERTY && row->reg->capability == r->capability_id &&
           row->reg->extended == r->extended && row->reg->offset == r->offset && (row->reg->bits & differing) &&
           type_is_a(object_type(&dev->parent_obj.parent_obj), row->reg->of ? row->reg->of : row->driver);
}

static bool explain_rows(PCIDevice *dev, const PCIRegisterName *r, uint32_t received, uint32_t differing, Stream *notes)
{
    bool any = false;

    for (size_t t = 0; t < compat_tables_count; t++) {
        for (size_t i = 0; i < compat_tables[t].count; i++) {
            const CompatRow *row = &compat_tables[t].rows[i];
            g_autofree char *ours = NULL, *theirs = NULL;
            Object *owner;

            if (!row_is_about(dev, row, r, differing)) {
                continue;
            }
            owner = owner_of(dev, row->driver);
            if (!owner || !ledger_row(owner, row->property, &ours)) {
                continue;
            }
            theirs = their_value(row, ours, received);
            ledger_explain(notes, owner, row, theirs, NULL, NULL);
            any = true;
        }
    }
    return any;
}

static uint32_t checked_bits(const PCIDevice *dev, const PCIRegisterName *r)
{
    return value_at(dev->cmask, r) & ~value_at(dev->wmask, r) & ~value_at(dev->w1cmask, r);
}

/* The first byte that differs may only follow from another one: a list's pointer from the capability that moved. */
static bool explain_others(PCIDevice *dev, const uint8_t *bytes, unsigned at, Stream *notes)
{
    for (at++; at < dev->config_size; at++) {
        PCIRegisterName r;
        uint32_t received, differing;

        if (bytes[at] == dev->config[at]) {
            continue;
        }
        r = pci_explain_register(dev, at);
        received = value_at(bytes, &r);
        differing = (received ^ value_at(dev->config, &r)) & checked_bits(dev, &r);
        if (differing && explain_rows(dev, &r, received, differing, notes)) {
            stream_note(notes, "it shows in %s, 0x%x in config space", r.name, r.base + r.offset);
            return true;
        }
    }
    return false;
}

void pci_explain_mismatch(PCIDevice *dev, const uint8_t *bytes, unsigned at, Stream *notes)
{
    PCIRegisterName r = pci_explain_register(dev, at);
    uint32_t here = value_at(dev->config, &r), received = value_at(bytes, &r);
    uint32_t differing = (here ^ received) & checked_bits(dev, &r);
    DeviceState *ds = DEVICE(dev);
    g_autofree char *name = ds->id ? g_strdup_printf("device '%s' (%s)", ds->id, object_type(&ds->parent_obj))
                                   : g_strdup_printf("device %s", object_type(&ds->parent_obj));

    if (r.capability) {
        stream_note(notes, "%s: byte 0x%x of config space is in %s, offset 0x%x in the %s capability at 0x%x (config space 0x%x)",
                    name, at, r.name, r.offset, r.capability, r.base, r.base + r.offset);
    } else {
        stream_note(notes, "%s: byte 0x%x of config space is in %s", name, at, r.name);
    }
    stream_note(notes, "it is 0x%0*x on the source and 0x%0*x here: bits 0x%0*x differ, and the guest can't write them here",
                r.size * 2, received, r.size * 2, here, r.size * 2, differing);
    if (!explain_rows(dev, &r, received, differing, notes) && !explain_others(dev, bytes, at, notes) && r.hint) {
        stream_note(notes, "%s", r.hint);
    }
}
