/* MSI-X. See hw/pci/msix.h. */
#include "hw/pci/msix.h"

#include "util/error.h"
#include "util/log.h"

static uint16_t flags_of(const PCIDevice *dev)
{
    return pci_get_word(dev->config + dev->msix_cap + PCI_MSIX_FLAGS);
}

static uint8_t *entry_of(const PCIMsix *msix, unsigned vector)
{
    return msix->table + vector * PCI_MSIX_ENTRY_SIZE;
}

static unsigned pba_size(const PCIMsix *msix)
{
    return (msix->entries + 7) / 8;
}

bool msix_enabled(const PCIDevice *dev)
{
    return dev->msix && (flags_of(dev) & PCI_MSIX_FLAGS_ENABLE);
}

unsigned msix_entries(const PCIDevice *dev)
{
    return dev->msix ? dev->msix->entries : 0;
}

bool msix_message(const PCIDevice *dev, unsigned vector, hwaddr *address, uint32_t *data)
{
    if (vector >= msix_entries(dev)) {
        return false;
    }
    *address = pci_get_quad(entry_of(dev->msix, vector) + PCI_MSIX_ENTRY_LOWER_ADDR);
    *data = pci_get_long(entry_of(dev->msix, vector) + PCI_MSIX_ENTRY_DATA);
    return true;
}

/* Masked and pending. */

static bool entry_masked(const PCIMsix *msix, unsigned vector)
{
    return entry_of(msix, vector)[PCI_MSIX_ENTRY_VECTOR_CTRL] & PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

/* The function's state is taken apart so that the one before a write can be asked too. */
static bool masked_with(const PCIMsix *msix, unsigned vector, bool function_masked)
{
    return function_masked || entry_masked(msix, vector);
}

bool msix_is_masked(const PCIDevice *dev, unsigned vector)
{
    return vector >= msix_entries(dev) || masked_with(dev->msix, vector, dev->msix->function_masked);
}

bool msix_is_pending(const PCIDevice *dev, unsigned vector)
{
    return vector < msix_entries(dev) && (dev->msix->pba[vector / 8] & (1u << vector % 8));
}

void msix_set_pending(PCIDevice *dev, unsigned vector)
{
    if (vector < msix_entries(dev)) {
        dev->msix->pba[vector / 8] |= 1u << vector % 8;
    }
}

void msix_clear_pending(PCIDevice *dev, unsigned vector)
{
    if (vector < msix_entries(dev)) {
        dev->msix->pba[vector / 8] &= ~(1u << vector % 8);
    }
}

static void tell_user(PCIDevice *dev, unsigned vector, bool masked)
{
    PCIMsix *msix = dev->msix;
    hwaddr address;
    uint32_t data;

    if (!msix->vector_use) {
        return;
    }
    if (masked) {
        msix->vector_release(dev, vector);
    } else if (msix_message(dev, vector, &address, &data)) {
        msix->vector_use(dev, vector, address, data);
    }
}

static void mask_changed(PCIDevice *dev, unsigned vector, bool was_masked)
{
    bool masked = msix_is_masked(dev, vector);

    if (masked == was_masked) {
        return;
    }
    tell_user(dev, vector, masked);
    if (!masked && msix_is_pending(dev, vector)) {
        msix_clear_pending(dev, vector);
        msix_notify(dev, vector);
    }
}

static void update_function_masked(PCIDevice *dev)
{
    dev->msix->function_masked = !msix_enabled(dev) || (flags_of(dev) & PCI_MSIX_FLAGS_MASKALL);
}

void msix_notify(PCIDevice *dev, unsigned vector)
{
    hwaddr address;
    uint32_t data;

    if (vector >= msix_entries(dev) || !dev->msix->used[vector]) {
        return;
    }
    if (msix_is_masked(dev, vector)) {
        msix_set_pending(dev, vector);
    } else if (msix_message(dev, vector, &address, &data)) {
        pci_send_msi(dev, address, data);
    }
}

void msix_vector_use(PCIDevice *dev, unsigned vector)
{
    if (vector < msix_entries(dev)) {
        dev->msix->used[vector]++;
    }
}

void msix_vector_unuse(PCIDevice *dev, unsigned vector)
{
    if (vector < msix_entries(dev) && dev->msix->used[vector] && --dev->msix->used[vector] == 0) {
        msix_clear_pending(dev, vector);
    }
}

void msix_unuse_all(PCIDevice *dev)
{
    for (unsigned vector = 0; vector < msix_entries(dev); vector++) {
        dev->msix->used[vector] = 0;
        msix_clear_pending(dev, vector);
    }
}

/* Registers. */

void msix_write_config(PCIDevice *dev, uint32_t addr, uint32_t old_flags, unsigned len)
{
    bool was_masked = dev->msix->function_masked;

    if (!pci_ranges_overlap(addr, len, dev->msix_cap + PCI_MSIX_FLAGS, 2)) {
        return;
    }
    update_function_masked(dev);
    if (!msix_enabled(dev)) {
        return;
    }
    pci_set_irq(dev, 0);
    if (dev->msix->function_masked != was_masked) {
        for (unsigned vector = 0; vector < dev->msix->entries; vector++) {
            mask_changed(dev, vector, masked_with(dev->msix, vector, was_masked));
        }
    }
}

static uint64_t table_read(void *opaque, hwaddr offset, unsigned size)
{
    PCIDevice *dev = opaque;

    return load_le(dev->msix->table + offset, size);
}

static void table_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    PCIDevice *dev = opaque;
    unsigned vector = offset / PCI_MSIX_ENTRY_SIZE;
    bool was_masked = msix_is_masked(dev, vector);

    store_le(dev->msix->table + offset, size, value);
    mask_changed(dev, vector, was_masked);
}

static uint64_t pba_read(void *opaque, hwaddr offset, unsigned size)
{
    PCIMsix *msix = ((PCIDevice *)opaque)->msix;
    uint64_t value = 0;

    for (unsigned i = 0; i < size && offset + i < pba_size(msix); i++) {
        value |= (uint64_t)msix->pba[offset + i] << 8 * i;
    }
    return value;
}

static void pba_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
}

static const MemoryRegionOps table_ops = {
    .read = table_read, .write = table_write, .valid = { 4, 8 }, .impl = { 4, 4 },
};
static const MemoryRegionOps pba_ops = {
    .read = pba_read, .write = pba_write, .valid = { 4, 8 }, .impl = { 4, 4 },
};

/* Making it. */

static bool fits(PCIDevice *dev, unsigned entries, MemoryRegion *table_bar, unsigned table_nr, uint32_t table_offset,
                 MemoryRegion *pba_bar, unsigned pba_nr, uint32_t pba_offset, GError **error)
{
    uint64_t table_size = entries * PCI_MSIX_ENTRY_SIZE, bits_size = ROUND_UP(entries, 64) / 8;

    if (entries < 1 || entries > MSIX_MAX_VECTORS) {
        return error_setf(error, "The number of MSI-X vectors is invalid");
    }
    if ((table_offset | pba_offset) & PCI_MSIX_FLAGS_BIRMASK || table_offset + table_size > table_bar->size ||
        pba_offset + bits_size > pba_bar->size ||
        (table_nr == pba_nr && table_offset < pba_offset + bits_size && pba_offset < table_offset + table_size)) {
        return error_setf(error, "table & pba overlap, or they don't fit in BARs, or don't align");
    }
    return true;
}

bool msix_init(PCIDevice *dev, unsigned entries, MemoryRegion *table_bar, uint8_t table_bar_nr, uint32_t table_offset,
               MemoryRegion *pba_bar, uint8_t pba_bar_nr, uint32_t pba_offset, uint8_t cap_offset, GError **error)
{
    PCIMsix *msix;

    if (!fits(dev, entries, table_bar, table_bar_nr, table_offset, pba_bar, pba_bar_nr, pba_offset, error)) {
        return false;
    }
    cap_offset = pci_add_capability(dev, PCI_CAP_ID_MSIX, cap_offset, PCI_CAP_MSIX_SIZEOF, error);
    if (!cap_offset) {
        return false;
    }
    dev->msix_cap = cap_offset;
    dev->cap_present |= 1u << PCI_CAP_MSIX_BIT;
    pci_set_word(dev->config + cap_offset + PCI_MSIX_FLAGS, entries - 1);
    pci_set_long(dev->config + cap_offset + PCI_MSIX_TABLE, table_offset | table_bar_nr);
    pci_set_long(dev->config + cap_offset + PCI_MSIX_PBA, pba_offset | pba_bar_nr);
    pci_set_word(dev->wmask + cap_offset + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);

    msix = dev->msix = g_new0(PCIMsix, 1);
    msix->entries = entries;
    msix->table = g_malloc0(entries * PCI_MSIX_ENTRY_SIZE);
    msix->pba = g_malloc0(ROUND_UP(entries, 64) / 8);
    msix->used = g_new0(unsigned, entries);
    msix->table_bar = table_bar;
    msix->pba_bar = pba_bar;
    memory_region_init_io(&msix->table_mmio, (Object *)dev, &table_ops, dev, "msix-table",
                          entries * PCI_MSIX_ENTRY_SIZE);
    memory_region_add(table_bar, table_offset, &msix->table_mmio);
    memory_region_init_io(&msix->pba_mmio, (Object *)dev, &pba_ops, dev, "msix-pba", ROUND_UP(entries, 64) / 8);
    memory_region_add(pba_bar, pba_offset, &msix->pba_mmio);
    msix_reset(dev);
    return true;
}

bool msix_init_exclusive_bar(PCIDevice *dev, unsigned entries, uint8_t bar_nr, GError **error)
{
    uint32_t pba_offset = 0x800, size = 0x1000;
    MemoryRegion *bar;
    bool ok;

    if (entries < 1 || entries > MSIX_MAX_VECTORS) {
        return error_setf(error, "The number of MSI-X vectors is invalid");
    }
    if (entries * PCI_MSIX_ENTRY_SIZE > pba_offset) {
        pba_offset = entries * PCI_MSIX_ENTRY_SIZE;
    }
    while (size < pba_offset + ROUND_UP(entries, 64) / 8) {
        size *= 2;
    }
    /* It must outlive a failure between here and msix_uninit(): PCIMsix holds it only once there is one. */
    bar = g_new0(MemoryRegion, 1);
    memory_region_init(bar, (Object *)dev, "msix", size);
    ok = msix_init(dev, entries, bar, bar_nr, 0, bar, bar_nr, pba_offset, 0, error);
    if (!ok) {
        memory_region_destroy(bar);
        g_free(bar);
        return false;
    }
    dev->msix->exclusive_bar = bar;
    pci_register_bar(dev, bar_nr, PCI_BASE_ADDRESS_SPACE_MEMORY, bar);
    return true;
}

void msix_uninit(PCIDevice *dev)
{
    PCIMsix *msix = dev->msix;

    if (!msix) {
        return;
    }
    pci_del_capability(dev, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
    dev->msix_cap = 0;
    dev->cap_present &= ~(1u << PCI_CAP_MSIX_BIT);
    memory_region_del(msix->table_bar, &msix->table_mmio);
    memory_region_del(msix->pba_bar, &msix->pba_mmio);
    memory_region_destroy(&msix->table_mmio);
    memory_region_destroy(&msix->pba_mmio);
    if (msix->exclusive_bar) {
        memory_region_destroy(msix->exclusive_bar);
        g_free(msix->exclusive_bar);
    }
    g_free(msix->table);
    g_free(msix->pba);
    g_free(msix->used);
    g_free(msix);
    dev->msix = NULL;
}

void msix_reset(PCIDevice *dev)
{
    PCIMsix *msix = dev->msix;

    if (!msix) {
        return;
    }
    memset(msix->pba, 0, pba_size(msix));
    pci_word_clear(dev->config + dev->msix_cap + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    memset(msix->table, 0, msix->entries * PCI_MSIX_ENTRY_SIZE);
    for (unsigned vector = 0; vector < msix->entries; vector++) {
        entry_of(msix, vector)[PCI_MSIX_ENTRY_VECTOR_CTRL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
    }
    msix->function_masked = true;
}

/* Migration. */

void msix_save(PCIDevice *dev, Stream *s)
{
    if (dev->msix) {
        stream_put(s, dev->msix->table, dev->msix->entries * PCI_MSIX_ENTRY_SIZE);
        stream_put(s, dev->msix->pba, pba_size(dev->msix));
    }
}

bool msix_load(PCIDevice *dev, Stream *s, GError **error)
{
    PCIMsix *msix = dev->msix;

    if (!msix) {
        return true;
    }
    for (unsigned vector = 0; vector < msix->entries; vector++) {
        msix_clear_pending(dev, vector);
        if (!msix_is_masked(dev, vector)) {
            tell_user(dev, vector, true);
        }
    }
    if (!stream_get(s, msix->table, msix->entries * PCI_MSIX_ENTRY_SIZE) || !stream_get(s, msix->pba, pba_size(msix))) {
        return true;    /* seen by whoever loads the field */
    }
    update_function_masked(dev);
    for (unsigned vector = 0; vector < msix->entries; vector++) {
        if (!msix_is_masked(dev, vector)) {
            tell_user(dev, vector, false);
        }
    }
    return true;
}

static PCIDevice *of_msix(const void *where)
{
    return (PCIDevice *)((char *)where - offsetof(PCIDevice, msix));
}

static bool msix_state_get(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    return msix_load(of_msix(where), s, error);
}

static void msix_state_put(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    msix_save(of_msix(where), s);
}

static const VMStateKind kind_msix_state = { .name = "msix state", .get = msix_state_get, .put = msix_state_put };

const VMStateDescription vmstate_msix = {
    .name = "msix",
    .fields = VMS_FIELDS(VMS_OPAQUE(PCIDevice, msix, kind_msix_state, 0)),
};
