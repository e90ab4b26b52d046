/*
 * The PCI Express capability (PCIe 4.0, 7.5.3) and extended capabilities.
 */
#include "hw/pci/pcie.h"

#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie_aer.h"
#include "util/error.h"

static uint8_t *exp_reg(const PCIDevice *dev, uint8_t *array, unsigned reg)
{
    return array + dev->exp_cap + reg;
}

/* "x-speed" and "x-width": encoded as the registers have them, so their enumerations have gaps. */

typedef struct LinkValue {
    const char *name;
    int value;
} LinkValue;

static const LinkValue speeds[] = {
    { "2_5", PCIE_SPEED_2_5 }, { "5", PCIE_SPEED_5 }, { "8", PCIE_SPEED_8 }, { "16", PCIE_SPEED_16 }, { 0 },
};
static const LinkValue widths[] = {
    { "1", PCIE_WIDTH_X1 }, { "2", PCIE_WIDTH_X2 }, { "4", PCIE_WIDTH_X4 }, { "8", PCIE_WIDTH_X8 },
    { "12", PCIE_WIDTH_X12 }, { "16", PCIE_WIDTH_X16 }, { "32", PCIE_WIDTH_X32 }, { 0 },
};

static const LinkValue *link_table(const Property *prop)
{
    return prop->kind == &prop_kind_pcie_link_speed ? speeds : widths;
}

static bool link_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *text = json_get_string(value);

    if (!text) {
        return error_setf(error, "Invalid parameter type for '%s', expected: string", prop->name);
    }
    for (const LinkValue *v = link_table(prop); v->name; v++) {
        if (g_str_equal(v->name, text)) {
            *(int *)property_field(obj, prop) = v->value;
            return true;
        }
    }
    return error_setf(error, "Parameter '%s' does not accept value '%s'", prop->name, text);
}

static Json *link_name(const Property *prop, int value)
{
    for (const LinkValue *v = link_table(prop); v->name; v++) {
        if (v->value == value) {
            return json_new_string(v->name);
        }
    }
    g_assert_not_reached();
}

static Json *link_get(Object *obj, const Property *prop, GError **error)
{
    return link_name(prop, *(int *)property_field(obj, prop));
}

static void link_set_default(Object *obj, const Property *prop)
{
    *(int *)property_field(obj, prop) = (int)prop->defval;
}

static Json *link_get_default(const Property *prop)
{
    return link_name(prop, (int)prop->defval);
}

static const char *const speed_names[] = { "2_5", "5", "8", "16", NULL };
static const char *const width_names[] = { "1", "2", "4", "8", "12", "16", "32", NULL };

#define LINK_KIND(type_name, text, names)                                                   \
    { .name = type_name, .description = text, .values = names, .set = link_set, .get = link_get, \
      .set_default = link_set_default, .get_default = link_get_default }
const PropertyKind prop_kind_pcie_link_speed = LINK_KIND("PCIELinkSpeed", "2_5/5/8/16", speed_names);
const PropertyKind prop_kind_pcie_link_width = LINK_KIND("PCIELinkWidth", "1/2/4/8/12/16/32", width_names);

/* The capability. */

uint8_t pcie_cap_type(const PCIDevice *dev)
{
    return (pci_get_word(exp_reg(dev, dev->config, PCI_EXP_FLAGS)) & PCI_EXP_FLAGS_TYPE) >> PCI_EXP_FLAGS_TYPE_SHIFT;
}

static bool is_port(const PCIDevice *dev)
{
    uint8_t type = pcie_cap_type(dev);

    return type == PCI_EXP_TYPE_ROOT_PORT || type == PCI_EXP_TYPE_DOWNSTREAM;
}

void pcie_cap_flags_set_vector(PCIDevice *dev, uint8_t vector)
{
    uint8_t *flags = exp_reg(dev, dev->config, PCI_EXP_FLAGS);

    pci_set_word(flags, (pci_get_word(flags) & ~PCI_EXP_FLAGS_IRQ) | vector << PCI_EXP_FLAGS_IRQ_SHIFT);
}

uint8_t pcie_cap_flags_get_vector(const PCIDevice *dev)
{
    return (pci_get_word(exp_reg(dev, dev->config, PCI_EXP_FLAGS)) & PCI_EXP_FLAGS_IRQ) >> PCI_EXP_FLAGS_IRQ_SHIFT;
}

uint8_t pcie_cap_init(PCIDevice *dev, uint8_t offset, uint8_t type, uint8_t port, GError **error)
{
    uint32_t link = PCIE_WIDTH_X1 << PCI_EXP_LNKCAP_MLW_SHIFT | PCIE_SPEED_2_5;
    uint32_t always = 1u << PCIE_LNKSTA_DLLLA_ALWAYS_BIT | 1u << PCIE_LNKSTA_DLLLA_BIT;

    g_assert(pci_is_express(dev));
    offset = pci_add_capability(dev, PCI_CAP_ID_EXP, offset, PCI_EXP_V2_SIZEOF, error);
    if (!offset) {
        return 0;
    }
    dev->exp_cap = offset;
    dev->exp = g_new0(PCIExpress, 1);
    pci_set_word(exp_reg(dev, dev->config, PCI_EXP_FLAGS), type << PCI_EXP_FLAGS_TYPE_SHIFT | 2);
    pci_set_long(exp_reg(dev, dev->config, PCI_EXP_DEVCAP), PCI_EXP_DEVCAP_RBER);
    pci_set_long(exp_reg(dev, dev->config, PCI_EXP_LNKCAP),
                 (uint32_t)port << PCI_EXP_LNKCAP_PN_SHIFT | PCI_EXP_LNKCAP_ASPMS_0S | link);
    pci_set_word(exp_reg(dev, dev->config, PCI_EXP_LNKSTA),
                 link | ((dev->cap_present & always) == always ? PCI_EXP_LNKSTA_DLLLA : 0));
    /* Training differs with what is in the slot: not for a load to check. */
    pci_set_word(exp_reg(dev, dev->cmask, PCI_EXP_LNKSTA), 0);
    pci_set_long(exp_reg(dev, dev->config, PCI_EXP_DEVCAP2), PCI_EXP_DEVCAP2_EFF | PCI_EXP_DEVCAP2_EETLPP);
    pci_set_word(exp_reg(dev, dev->wmask, PCI_EXP_DEVCTL2), PCI_EXP_DEVCTL2_EETLPPB);
    if (dev->cap_present & (1u << PCIE_EXTCAP_INIT_BIT)) {
        /* A zero header at 0x100 means no extended capabilities, and must stay. */
        pci_set_long(dev->wmask + PCI_CONFIG_SIZE, 0);
    }
    return offset;
}

uint8_t pcie_endpoint_cap_init(PCIDevice *dev, uint8_t offset, GError **error)
{
    bool integrated = pci_bus_is_root(pci_device_bus(dev));

    return pcie_cap_init(dev, offset, integrated ? PCI_EXP_TYPE_RC_END : PCI_EXP_TYPE_ENDPOINT, 0, error);
}

void pcie_cap_exit(PCIDevice *dev)
{
    if (dev->exp_cap) {
        pci_del_capability(dev, PCI_CAP_ID_EXP, PCI_EXP_V2_SIZEOF);
        dev->exp_cap = 0;
        g_clear_pointer(&dev->exp, g_free);
    }
}

void pcie_cap_set_link(PCIDevice *dev, PCIELinkSpeed speed, PCIELinkWidth width)
{
    uint8_t *cap = exp_reg(dev, dev->config, PCI_EXP_LNKCAP);
    uint32_t value = pci_get_long(cap) & ~(0x3f0u | PCI_EXP_LNKCAP_SLS);

    value |= width << PCI_EXP_LNKCAP_MLW_SHIFT | speed;
    if (width > PCIE_WIDTH_X1 || speed > PCIE_SPEED_2_5) {
        value |= PCI_EXP_LNKCAP_LBNC;
    }
    if (speed > PCIE_SPEED_2_5) {
        value |= PCI_EXP_LNKCAP_DLLLARC;
        pci_set_word(exp_reg(dev, dev->config, PCI_EXP_LNKCTL2), speed);
    }
    if (speed > PCIE_SPEED_5) {
        /* A bit per rate from bit 1 on. */
        pci_set_long(exp_reg(dev, dev->config, PCI_EXP_LNKCAP2), (2u << speed) - 2);
    }
    pci_set_long(cap, value);
}

void pcie_cap_deverr_init(PCIDevice *dev)
{
    uint16_t enables = PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE;
    uint16_t detected = PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED | PCI_EXP_DEVSTA_FED | PCI_EXP_DEVSTA_URD;

    pci_long_set(exp_reg(dev, dev->config, PCI_EXP_DEVCAP), PCI_EXP_DEVCAP_RBER);
    pci_word_set(exp_reg(dev, dev->wmask, PCI_EXP_DEVCTL), enables);
    pci_word_set(exp_reg(dev, dev->w1cmask, PCI_EXP_DEVSTA), detected);
}

void pcie_cap_deverr_reset(PCIDevice *dev)
{
    pci_word_clear(exp_reg(dev, dev->config, PCI_EXP_DEVCTL),
                   PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE);
}

void pcie_cap_lnkctl_init(PCIDevice *dev)
{
    pci_word_set(exp_reg(dev, dev->wmask, PCI_EXP_LNKCTL), PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES);
}

void pcie_cap_root_init(PCIDevice *dev)
{
    pci_set_word(exp_reg(dev, dev->wmask, PCI_EXP_RTCTL),
                 PCI_EXP_RTCTL_SECEE | PCI_EXP_RTCTL_SENFEE | PCI_EXP_RTCTL_SEFEE);
}

void pcie_cap_root_reset(PCIDevice *dev)
{
    pci_set_word(exp_reg(dev, dev->config, PCI_EXP_RTCTL), 0);
}

void pcie_cap_arifwd_init(PCIDevice *dev)
{
    pci_long_set(exp_reg(dev, dev->config, PCI_EXP_DEVCAP2), PCI_EXP_DEVCAP2_ARI);
    pci_word_set(exp_reg(dev, dev->wmask, PCI_EXP_DEVCTL2), PCI_EXP_DEVCTL2_ARI);
}

void pcie_cap_arifwd_reset(PCIDevice *dev)
{
    pci_word_clear(exp_reg(dev, dev->config, PCI_EXP_DEVCTL2), PCI_EXP_DEVCTL2_ARI);
}

void pcie_cap_flr_init(PCIDevice *dev)
{
    pci_long_set(exp_reg(dev, dev->config, PCI_EXP_DEVCAP), PCI_EXP_DEVCAP_FLR);
    pci_word_set(exp_reg(dev, dev->wmask, PCI_EXP_DEVCTL), PCI_EXP_DEVCTL_BCR_FLR);
}

/* Extended capabilities: a list from 0x100 on, in order of addition. */

static uint16_t ext_next(const PCIDevice *dev, uint16_t offset)
{
    uint16_t next = PCI_EXT_CAP_NEXT(pci_get_long(dev->config + offset));

    return next >= PCI_CONFIG_SIZE ? next : 0;
}

uint16_t pcie_find_capability(const PCIDevice *dev, uint16_t cap_id)
{
    uint16_t at = PCI_CONFIG_SIZE;

    if (dev->config_size <= PCI_CONFIG_SIZE) {
        return 0;
    }
    for (unsigned n = 0; at && n < PCIE_CONFIG_SIZE / 8; n++, at = ext_next(dev, at)) {
        if (PCI_EXT_CAP_ID(pci_get_long(dev->config + at)) == cap_id) {
            return at;
        }
    }
    return 0;
}

void pcie_add_capability(PCIDevice *dev, uint16_t cap_id, uint8_t version, uint16_t offset, uint16_t size)
{
    uint16_t last = PCI_CONFIG_SIZE, next = 0;

    g_assert(pci_is_express(dev) && offset >= PCI_CONFIG_SIZE && !(offset & 3) && size >= 8);
    g_assert(offset + size <= PCIE_CONFIG_SIZE);
    if (offset == PCI_CONFIG_SIZE) {
        next = ext_next(dev, offset);
    } else {
        while (ext_next(dev, last)) {
            last = ext_next(dev, last);
        }
        pci_long_set(dev->config + last, (uint32_t)offset << 20);
    }
    pci_set_long(dev->config + offset, cap_id | (uint32_t)version << 16 | (uint32_t)next << 20);
    memset(dev->wmask + offset, 0, size);
    memset(dev->w1cmask + offset, 0, size);
    memset(dev->cmask + offset, 0xff, size);
}

void pcie_ari_init(PCIDevice *dev, uint16_t offset)
{
    /* 7.8.7.2: the next function; older machines said 1 whether there is one or not. */
    uint16_t next = dev->cap_present & (1u << PCIE_ARI_NEXTFN_1_BIT) ? 1 : 0;

    pcie_add_capability(dev, PCI_EXT_CAP_ID_ARI, PCI_ARI_VER, offset, PCI_ARI_SIZEOF);
    pci_set_word(dev->config + offset + PCI_ARI_CAP, next << PCI_ARI_CAP_NFN_SHIFT);
    dev->ari_cap = offset;
}

void pcie_ats_init(PCIDevice *dev, uint16_t offset, bool aligned)
{
    pcie_add_capability(dev, PCI_EXT_CAP_ID_ATS, PCI_ATS_VER, offset, PCI_ATS_SIZEOF);
    pci_set_word(dev->config + offset + PCI_ATS_CAP, aligned ? PCI_ATS_CAP_PAGE_ALIGNED : 0);
    pci_set_word(dev->wmask + offset + PCI_ATS_CTRL, PCI_ATS_CTRL_ENABLE | 0xf);
    dev->ats_cap = offset;
}

/* Around config accesses. */

/* A link runs as fast and wide as both ends can. */
static void sync_link(PCIDevice *port, const PCIDevice *target)
{
    uint16_t capable = pci_get_word(exp_reg(port, port->config, PCI_EXP_LNKCAP));
    uint16_t trained = pci_get_word(exp_reg(target, target->config, PCI_EXP_LNKSTA));
    uint8_t *status = exp_reg(port, port->config, PCI_EXP_LNKSTA);
    uint16_t width = MIN(trained & PCI_EXP_LNKSTA_NLW, capable & PCI_EXP_LNKSTA_NLW);
    uint16_t speed = MIN(trained & PCI_EXP_LNKSTA_CLS, capable & PCI_EXP_LNKSTA_CLS);

    pci_word_clear(status, PCI_EXP_LNKSTA_NLW | PCI_EXP_LNKSTA_CLS);
    pci_word_set(status, width ? width : PCIE_WIDTH_X1 << PCI_EXP_LNKSTA_NLW_SHIFT);
    pci_word_set(status, speed ? speed : PCIE_SPEED_2_5);
}

void pcie_config_read_begin(PCIDevice *dev, uint32_t addr, unsigned len)
{
    PCIDevice *target;

    if (!pci_ranges_overlap(addr, len, dev->exp_cap + PCI_EXP_LNKSTA, 2) || !is_port(dev)) {
        return;
    }
    target = pci_bridge_bus(PCI_BRIDGE(dev))->devices[0];
    if (target && target->exp_cap) {
        sync_link(dev, target);
    }
}

static bool has_slot(const PCIDevice *dev)
{
    return pci_get_word(exp_reg(dev, dev->config, PCI_EXP_FLAGS)) & PCI_EXP_FLAGS_SLOT;
}

static bool has_root_aer(const PCIDevice *dev)
{
    return dev->aer_log && pcie_cap_type(dev) == PCI_EXP_TYPE_ROOT_PORT;
}

void pcie_config_write_begin(PCIDevice *dev)
{
    if (has_slot(dev)) {
        dev->exp->old_slot_ctl = pci_get_word(exp_reg(dev, dev->config, PCI_EXP_SLTCTL));
        dev->exp->old_slot_sta = pci_get_word(exp_reg(dev, dev->config, PCI_EXP_SLTSTA));
    }
    if (has_root_aer(dev)) {
        dev->exp->old_root_cmd = pci_get_long(dev->config + dev->aer_cap + PCI_ERR_ROOT_COMMAND);
    }
}

void pcie_config_write_end(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    uint8_t *control = exp_reg(dev, dev->config, PCI_EXP_DEVCTL);

    if (has_slot(dev)) {
        pcie_cap_slot_write(dev, addr, value, len);
    }
    /* The endpoints that QEMU has with AER leave their header log as it is when its error is cleared. */
    if (dev->aer_log && is_port(dev)) {
        pcie_aer_write_config(dev, addr, len);
    }
    if (has_root_aer(dev)) {
        pcie_aer_root_write_config(dev, addr, len, dev->exp->old_root_cmd);
    }
    /* The bit reads as 0; it exists only where FLR does. */
    if (pci_ranges_overlap(addr, len, dev->exp_cap + PCI_EXP_DEVCTL, 2) &&
        (pci_get_long(exp_reg(dev, dev->config, PCI_EXP_DEVCAP)) & PCI_EXP_DEVCAP_FLR) &&
        pci_word_clear(control, PCI_EXP_DEVCTL_BCR_FLR)) {
        pci_function_reset(dev);
    }
}
