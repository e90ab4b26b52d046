/* The Q35's north bridge. */
#include "hw/pci-host/q35.h"

#include <string.h>

#include "hw/pci/pci_regs.h"
#include "target/i386/cpu.h"
#include "util/error.h"
#include "util/units.h"

/* Registers (5.1). Those marked * are the emulated machine's own, which firmware asks for: the chip reserves them. */
enum {
    EXT_TSEG_MBYTES = 0x50, EXT_TSEG_QUERY = 0xffff,    /* * */
    PCIEXBAR = 0x60,
    PAM0 = 0x90,
    F_SMBASE = 0x9c, F_SMBASE_QUERY = 0xff, F_SMBASE_IN_RAM = 0x01, F_SMBASE_LOCKED = 0x02, /* * */
    SMRAM = 0x9d, SMRAM_D_OPEN = 1 << 6, SMRAM_D_CLS = 1 << 5, SMRAM_D_LCK = 1 << 4, SMRAM_G_SMRAME = 1 << 3,
    SMRAM_C_BASE_SEG = 2,
    ESMRAMC = 0x9e, ESMRAMC_H_SMRAME = 1 << 7, ESMRAMC_TSEG_SZ = 3 << 1, ESMRAMC_T_EN = 1 << 0,
    ESMRAMC_CACHE_BITS = 0x38,
};
#define PCIEXBAR_DEFAULT 0xb0000000ull
#define PCIEXBAR_ADDRESS 0xff0000000ull     /* bits 35:28, and with shorter windows 27 and 26 */

#define SMRAM_C_BASE 0xa0000
#define SMRAM_C_SIZE 0x20000
#define HIGH_SMRAM_BASE 0xfeda0000
#define SMBASE_ADDR 0x30000
#define SMBASE_SIZE 0x20000
#define IO_APIC_BASE 0xfec00000ull
#define PAM_SEGMENT_SIZE 0x4000

static uint8_t *mch_reg(MCHPCIState *mch, unsigned reg)
{
    return mch->parent_obj.config + reg;
}

/* What the registers place. */
static void update_pciexbar(MCHPCIState *mch)
{
    uint64_t value = pci_get_quad(mch_reg(mch, PCIEXBAR));
    unsigned length = (value >> 1) & 3;
    uint64_t mask = PCIEXBAR_ADDRESS | (length >= 1 ? 1u << 27 : 0) | (length >= 2 ? 1u << 26 : 0);

    /* Length 3 is reserved: the window goes away. */
    pcie_host_mmcfg_update(&mch->host->parent_obj, mch->host->system, (value & 1) && length != 3, value & mask,
                           length == 3 ? PCIE_MMCFG_SIZE_MAX : PCIE_MMCFG_SIZE_MAX >> length);
}

/* The segment at 0xf0000 has the high nibble of PAM0; the others two in a register from 0xc0000 on. */
static unsigned pam_attributes(MCHPCIState *mch, unsigned segment)
{
    unsigned nibble = segment == 0 ? 1 : segment + 1;

    return (*mch_reg(mch, PAM0 + nibble / 2) >> (nibble % 2 ? 4 : 0)) & 3;
}

static void update_pam(MCHPCIState *mch)
{
    for (unsigned i = 0; i < MCH_PAM_SEGMENTS; i++) {
        unsigned attributes = pam_attributes(mch, i);

        memory_region_set_enabled(&mch->pam[i].pci, attributes == 0);
        memory_region_set_enabled(&mch->pam[i].ram, attributes != 0);
        memory_region_set_readonly(&mch->pam[i].ram, attributes == 1);
    }
}

static uint64_t tseg_size(MCHPCIState *mch)
{
    uint8_t esmramc = *mch_reg(mch, ESMRAMC);

    if (!(esmramc & ESMRAMC_T_EN)) {
        return 0;
    }
    switch ((esmramc & ESMRAMC_TSEG_SZ) >> 1) {
    case 0: return 1 * MiB;
    case 1: return 2 * MiB;
    case 2: return 8 * MiB;
    default: return mch->ext_tseg_mbytes * MiB;
    }
}

static void update_smram(MCHPCIState *mch)
{
    uint8_t *smram = mch_reg(mch, SMRAM);
    bool high = *mch_reg(mch, ESMRAMC) & ESMRAMC_H_SMRAME, enabled, open;
    uint64_t tseg, below_4g = mch->host->below_4g_size;

    /* Locking closes, and leaves only D_CLS to write until the next reset. */
    if (*smram & SMRAM_D_LCK) {
        *smram &= ~SMRAM_D_OPEN;
        mch->parent_obj.wmask[SMRAM] = SMRAM_D_CLS;
        mch->parent_obj.wmask[ESMRAMC] = 0;
    }
    enabled = *smram & SMRAM_G_SMRAME;
    open = *smram & SMRAM_D_OPEN;
    if (!mch->has_ranges) {
        return;
    }
    tseg = MIN(tseg_size(mch), below_4g);
    memory_region_set_enabled(&mch->smram_region, !open);
    memory_region_set_enabled(&mch->open_high, open && high);
    memory_region_set_enabled(&mch->low_smram, enabled && !high);
    memory_region_set_enabled(&mch->high_smram, enabled && high);
    memory_region_set_enabled(&mch->tseg_blackhole, enabled && tseg);
    memory_region_set_enabled(&mch->tseg_window, enabled && tseg);
    if (tseg) {
        memory_region_set_size(&mch->tseg_blackhole, tseg);
        memory_region_set_address(&mch->tseg_blackhole, below_4g - tseg);
        memory_region_set_size(&mch->tseg_window, tseg);
        memory_region_set_address(&mch->tseg_window, below_4g - tseg);
        memory_region_set_alias_offset(&mch->tseg_window, below_4g - tseg);
    }
}

static void update_ext_tseg(MCHPCIState *mch)
{
    uint8_t *reg = mch_reg(mch, EXT_TSEG_MBYTES);

    if (mch->ext_tseg_mbytes && pci_get_word(reg) == EXT_TSEG_QUERY) {
        pci_set_word(reg, mch->ext_tseg_mbytes);
    }
}

/*
 * Firmware asks with 0xff, and 1 answers that 0x30000 can be SMRAM; then 2 makes it that until the next reset. Any
 * other write changes nothing.
 */
static uint8_t smbase_after(uint8_t before, uint8_t written)
{
    switch (before) {
    case 0: return written == F_SMBASE_QUERY ? F_SMBASE_IN_RAM : 0;
    case F_SMBASE_IN_RAM: return written == F_SMBASE_LOCKED ? F_SMBASE_LOCKED : F_SMBASE_IN_RAM;
    default: return before;
    }
}

static void update_smbase(MCHPCIState *mch)
{
    bool locked = *mch_reg(mch, F_SMBASE) == F_SMBASE_LOCKED;

    mch->parent_obj.wmask[F_SMBASE] = mch->smbase_smram && !locked ? 0xff : 0;
    if (mch->has_ranges) {
        memory_region_set_enabled(&mch->smbase_blackhole, locked);
        memory_region_set_enabled(&mch->smbase_window, locked);
    }
}

static void update_all(MCHPCIState *mch)
{
    memory_transaction_begin();
    update_pciexbar(mch);
    update_pam(mch);
    update_smram(mch);
    update_ext_tseg(mch);
    update_smbase(mch);
    memory_transaction_commit();
}

static void mch_config_write(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    MCHPCIState *mch = MCH_PCI_DEVICE(dev);
    uint8_t smbase_before = *mch_reg(mch, F_SMBASE);

    pci_config_write(dev, addr, value, len);
    memory_transaction_begin();
    if (pci_ranges_overlap(addr, len, PAM0, 7)) {
        update_pam(mch);
    }
    if (pci_ranges_overlap(addr, len, PCIEXBAR, 8)) {
        update_pciexbar(mch);
    }
    if (pci_ranges_overlap(addr, len, SMRAM, 2)) {
        update_smram(mch);
    }
    if (pci_ranges_overlap(addr, len, EXT_TSEG_MBYTES, 2)) {
        update_ext_tseg(mch);
    }
    if (pci_ranges_overlap(addr, len, F_SMBASE, 1)) {
        uint8_t *reg = mch_reg(mch, F_SMBASE);

        *reg = smbase_after(smbase_before, *reg);
        update_smbase(mch);
    }
    memory_transaction_commit();
}

/* What SMM keeps for itself reads as ones from outside. */
static uint64_t blackhole_read(void *opaque, hwaddr offset, unsigned size)
{
    return ~0ull;
}

static void blackhole_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
}

static const MemoryRegionOps blackhole_ops = {
    .read = blackhole_read, .write = blackhole_write, .valid = { 1, 4 }, .impl = { 4, 4 },
};

/* The MCH function. */
static void alias_in(MemoryRegion *mr, Object *owner, const char *name, MemoryRegion *target, hwaddr addr,
                     uint64_t size, MemoryRegion *container, hwaddr at, bool enabled)
{
    memory_region_init_alias(mr, owner, name, target, addr, size);
    memory_region_set_enabled(mr, enabled);
    memory_region_add_overlap(container, at, mr, 1);
}

static void make_smm_ranges(MCHPCIState *mch, Object *owner)
{
    Q35PCIHost *host = mch->host;
    MemoryRegion *ram = host->ram, *system = host->system;

    mch->has_ranges = true;
    alias_in(&mch->open_high, owner, "smram-open-high", ram, SMRAM_C_BASE, SMRAM_C_SIZE, system, HIGH_SMRAM_BASE,
             false);
    memory_region_init(&mch->smram, owner, "smram", 4 * GiB);
    alias_in(&mch->low_smram, owner, "smram-low", ram, SMRAM_C_BASE, SMRAM_C_SIZE, &mch->smram, SMRAM_C_BASE, false);
    alias_in(&mch->high_smram, owner, "smram-high", ram, SMRAM_C_BASE, SMRAM_C_SIZE, &mch->smram, HIGH_SMRAM_BASE,
             false);
    memory_region_init_io(&mch->tseg_blackhole, owner, &blackhole_ops, NULL, "tseg-blackhole", MiB);
    memory_region_set_enabled(&mch->tseg_blackhole, false);
    memory_region_add_overlap(system, 0, &mch->tseg_blackhole, 1);
    alias_in(&mch->tseg_window, owner, "tseg-window", ram, 0, MiB, &mch->smram, 0, false);
    memory_region_init_io(&mch->smbase_blackhole, owner, &blackhole_ops, NULL, "smbase-blackhole", SMBASE_SIZE);
    memory_region_set_enabled(&mch->smbase_blackhole, false);
    memory_region_add_overlap(system, SMBASE_ADDR, &mch->smbase_blackhole, 1);
    alias_in(&mch->smbase_window, owner, "smbase-window", ram, SMBASE_ADDR, SMBASE_SIZE, &mch->smram, SMBASE_ADDR,
             false);
    memory_region_init(&mch->smm_root, owner, "smm-memory", UINT64_MAX);
    memory_region_init_alias(&mch->smm_system, owner, "smm-system", system, 0, UINT64_MAX);
    memory_region_add_overlap(&mch->smm_root, 0, &mch->smm_system, 0);
    memory_region_add_overlap(&mch->smm_root, 0, &mch->smram, 1);
    address_space_init(&mch->smm_memory, &mch->smm_root, "smm");
    x86_cpu_set_smm_memory(&mch->smm_memory);
}

static bool mch_realize(PCIDevice *dev, GError **error)
{
    MCHPCIState *mch = MCH_PCI_DEVICE(dev);
    Object *owner = OBJECT(dev);
    Q35PCIHost *host = mch->host;

    if (!host) {
        return error_setf(error, "mch is a part of the q35 machine and can't be added to another");
    }
    if (mch->ext_tseg_mbytes > 0xfff) {
        return error_setf(error, "invalid extended-tseg-mbytes value: %" G_GUINT16_FORMAT, mch->ext_tseg_mbytes);
    }
    memory_transaction_begin();
    /* 0xa0000 goes to PCI while SMRAM is closed; it hides RAM that is not there on a machine with less than that. */
    alias_in(&mch->smram_region, owner, "smram-region", host->pci, SMRAM_C_BASE, SMRAM_C_SIZE, host->system,
             SMRAM_C_BASE, true);
    for (unsigned i = 0; i < MCH_PAM_SEGMENTS; i++) {
        hwaddr addr = i == 0 ? 0xf0000 : 0xc0000 + (i - 1) * PAM_SEGMENT_SIZE;
        uint64_t size = i == 0 ? 0x10000 : PAM_SEGMENT_SIZE;

        alias_in(&mch->pam[i].ram, owner, "pam-ram", host->ram, addr, size, host->system, addr, false);
        alias_in(&mch->pam[i].pci, owner, "pam-pci", host->pci, addr, size, host->system, addr, true);
    }
    if (host->smm_ranges) {
        make_smm_ranges(mch, owner);
    }
    memory_transaction_commit();
    return true;
}

static void take_out(MemoryRegion *mr)
{
    if (mr->container) {
        memory_region_del(mr->container, mr);
    }
    memory_region_destroy(mr);
}

static void mch_exit(PCIDevice *dev)
{
    MCHPCIState *mch = MCH_PCI_DEVICE(dev);

    memory_transaction_begin();
    for (unsigned i = 0; i < MCH_PAM_SEGMENTS; i++) {
        take_out(&mch->pam[i].pci);
        take_out(&mch->pam[i].ram);
    }
    take_out(&mch->smram_region);
    if (mch->has_ranges) {
        MemoryRegion *ranges[] = { &mch->open_high, &mch->tseg_blackhole, &mch->smbase_blackhole, &mch->low_smram,
                                   &mch->high_smram, &mch->tseg_window, &mch->smbase_window, &mch->smram,
                                   &mch->smm_system, &mch->smm_root };

        x86_cpu_set_smm_memory(NULL);
        address_space_destroy(&mch->smm_memory);

        for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++) {
            take_out(ranges[i]);
        }
    }
    memory_transaction_commit();
}

static void mch_reset_enter(DeviceState *dev)
{
    MCHPCIState *mch = MCH_PCI_DEVICE(dev);
    uint8_t *wmask = mch->parent_obj.wmask;

    pci_set_quad(mch_reg(mch, PCIEXBAR), PCIEXBAR_DEFAULT);
    memset(mch_reg(mch, PAM0), 0, 7);
    *mch_reg(mch, SMRAM) = SMRAM_C_BASE_SEG;
    *mch_reg(mch, ESMRAMC) = ESMRAMC_CACHE_BITS;
    wmask[SMRAM] = SMRAM_D_OPEN | SMRAM_D_CLS | SMRAM_D_LCK | SMRAM_G_SMRAME;
    wmask[ESMRAMC] = ESMRAMC_H_SMRAME | ESMRAMC_TSEG_SZ | ESMRAMC_T_EN;
    if (mch->ext_tseg_mbytes) {
        pci_set_word(mch_reg(mch, EXT_TSEG_MBYTES), mch->ext_tseg_mbytes);
    }
    *mch_reg(mch, F_SMBASE) = 0;
}

static void mch_reset_hold(DeviceState *dev)
{
    update_all(MCH_PCI_DEVICE(dev));
}

static bool mch_post_load(void *opaque, int version_id, GError **error)
{
    update_all(opaque);
    return true;
}

static const VMStateDescription vmstate_mch = {
    .name = "mch", .version_id = 1, .minimum_version_id = 1, .post_load = mch_post_load,
    .fields = VMS_FIELDS(
        VMS_PCI_DEVICE(MCHPCIState, parent_obj),
        VMS_UNUSED(1)),     /* was whether SMM is enabled */
};

static const Property mch_props[] = {
    DEFINE_PROP_UINT16("extended-tseg-mbytes", MCHPCIState, ext_tseg_mbytes, 16),
    DEFINE_PROP_BOOL("smbase-smram", MCHPCIState, smbase_smram, true),
};

static void mch_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = mch_realize;
    pc->exit = mch_exit;
    pc->config_write = mch_config_write;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x29c0;
    pc->class_id = PCI_CLASS_BRIDGE_HOST;
    dc->reset.enter = mch_reset_enter;
    dc->reset.hold = mch_reset_hold;
    dc->vmsd = &vmstate_mch;
    dc->categories = 1u << DEVICE_CATEGORY_BRIDGE;
    dc->user_creatable = false;
    dc->hotpluggable = false;
    klass->description = "Host bridge";
    object_class_add_props(klass, mch_props, G_N_ELEMENTS(mch_props));
}

/* The host device. */
static bool host_realize(DeviceState *dev, GError **error)
{
    Q35PCIHost *s = Q35_HOST_DEVICE(dev);
    PCIHostState *host = PCI_HOST_BRIDGE(dev);
    PCIExpressHost *express = PCIE_HOST_BRIDGE(dev);

    express->base_addr = PCIE_BASE_ADDR_UNMAPPED;
    memory_region_add(s->io, 0xcf8, &host->conf_mem);
    memory_region_add(s->io, 0xcfc, &host->data_mem);
    host->bus = pci_root_bus_new(dev, "pcie.0", s->pci, s->io, 0, TYPE_PCIE_BUS);
    s->mch->host = s;
    return device_realize(DEVICE(s->mch), &host->bus->parent_obj, error);
}

static void host_unrealize(DeviceState *dev)
{
    PCIHostState *host = PCI_HOST_BRIDGE(dev);

    device_unrealize(DEVICE(Q35_HOST_DEVICE(dev)->mch));
    memory_region_del(Q35_HOST_DEVICE(dev)->io, &host->conf_mem);
    memory_region_del(Q35_HOST_DEVICE(dev)->io, &host->data_mem);
}

static void host_init(Object *obj)
{
    Q35PCIHost *s = Q35_HOST_DEVICE(obj);
    DeviceState *mch = device_new(TYPE_MCH_PCI_DEVICE);

    s->mch = MCH_PCI_DEVICE(mch);
    s->mch->parent_obj.devfn = PCI_DEVFN(0, 0);
    s->smm_ranges = true;
    object_add_child(obj, "mch", OBJECT(mch));
    object_unref(OBJECT(mch));
}

/* Where 64-bit BARs may go, for ACPI tables. */
typedef struct Range64 {
    uint64_t first, last;
} Range64;

static void extend_hole(PCIDevice *dev, void *opaque)
{
    Range64 *hole = opaque;

    for (int i = 0; i < PCI_NUM_REGIONS; i++) {
        const PCIIORegion *r = &dev->regions[i];

        if (r->size && !(r->type & PCI_BASE_ADDRESS_SPACE_IO) && pci_bar_addr(dev, i) != PCI_BAR_UNMAPPED &&
            pci_bar_addr(dev, i) >= 4 * GiB) {
            hole->first = MIN(hole->first, pci_bar_addr(dev, i));
            hole->last = MAX(hole->last, pci_bar_addr(dev, i) + r->size - 1);
        }
    }
}

static Range64 hole64(Q35PCIHost *s)
{
    PCIBus *bus = PCI_HOST_BRIDGE(s)->bus;
    Range64 hole = { UINT64_MAX, 0 };
    uint64_t fixed_start = ROUND_UP(4 * GiB + s->above_4g_size, GiB), fixed_end;

    if (bus) {
        pci_foreach_device(bus, extend_hole, &hole);
    }
    if (hole.first > hole.last) {
        hole.first = s->pci_hole64_fix ? fixed_start : 0;
        hole.last = hole.first ? hole.first - 1 : 0;
    }
    fixed_end = ROUND_UP(fixed_start + s->pci_hole64_size, GiB);
    if (s->pci_hole64_fix && hole.last + 1 < fixed_end) {
        hole.last = fixed_end - 1;
    }
    return hole;
}

#define TELLS(ident, shown, expression)                                                     \
    static Json *ident##_get(Object *obj, const Property *prop, GError **error)             \
    {                                                                                       \
        Q35PCIHost *s = Q35_HOST_DEVICE(obj);                                               \
        return json_new_uint(expression);                                                   \
    }                                                                                       \
    static const PropertyKind ident = { .name = shown, .get = ident##_get }
TELLS(tells_hole_start, "uint32", s->below_4g_size);
TELLS(tells_hole_end, "uint32", MAX(IO_APIC_BASE, s->below_4g_size));
TELLS(tells_hole64_start, "uint64", hole64(s).first);
TELLS(tells_hole64_end, "uint64", hole64(s).last + 1);
TELLS(tells_mcfg_size, "uint64", s->parent_obj.base_addr == PCIE_BASE_ADDR_UNMAPPED ? 0 : s->parent_obj.size);
#define TELL(n, k) { .name = n, .kind = &(k), .no_default = true, .attribute = true }

static const Property host_props[] = {
    DEFINE_PROP_UINT64("MCFG", Q35PCIHost, parent_obj.base_addr, PCIEXBAR_DEFAULT),
    DEFINE_PROP_SIZE("pci-hole64-size", Q35PCIHost, pci_hole64_size, 32 * GiB),
    DEFINE_PROP_UINT32("short_root_bus", Q35PCIHost, short_root_bus, 0),
    DEFINE_PROP_SIZE("below-4g-mem-size", Q35PCIHost, below_4g_size, 0),
    DEFINE_PROP_SIZE("above-4g-mem-size", Q35PCIHost, above_4g_size, 0),
    DEFINE_PROP_BOOL("x-pci-hole64-fix", Q35PCIHost, pci_hole64_fix, true),
    DEFINE_PROP_BOOL("bypass-iommu", Q35PCIHost, bypass_iommu, false),
    DEFINE_PROP_BOOL("smm-ranges", Q35PCIHost, smm_ranges, true, .no_default = true),
    TELL("pci-hole-start", tells_hole_start),
    TELL("pci-hole-end", tells_hole_end),
    TELL("pci-hole64-start", tells_hole64_start),
    TELL("pci-hole64-end", tells_hole64_end),
    TELL("mcfg_size", tells_mcfg_size),
};

static void host_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = host_realize;
    dc->unrealize = host_unrealize;
    dc->user_creatable = false;
    dc->categories = 1u << DEVICE_CATEGORY_BRIDGE;
    dc->fw_name = "pci";
    object_class_add_props(klass, host_props, G_N_ELEMENTS(host_props));
}

static const TypeInfo q35_types[] = {
    {
        .name = TYPE_MCH_PCI_DEVICE, .parent = TYPE_PCI_DEVICE, .size = sizeof(MCHPCIState),
        .class_init = mch_class_init,
        .interfaces = (const char *const[]){ INTERFACE_CONVENTIONAL_PCI, NULL },
    },
    {
        .name = TYPE_Q35_HOST_DEVICE, .parent = TYPE_PCIE_HOST_BRIDGE, .size = sizeof(Q35PCIHost), .init = host_init,
        .class_init = host_class_init,
    },
};
TYPES_REGISTER(q35_types)
