#include "libqpci.h"

#include <string.h>

#include "hw/pci/pci_regs.h"

#define MCH_PCIEXBAR 0x60

uint32_t qpci_port_readl(QTest *qt, uint8_t bus, uint8_t devfn, uint8_t offset)
{
    qtest_outl(qt, 0xcf8, 1u << 31 | (uint32_t)bus << 16 | (uint32_t)devfn << 8 | (offset & ~3u));
    return qtest_inl(qt, 0xcfc);
}

void qpci_port_writel(QTest *qt, uint8_t bus, uint8_t devfn, uint8_t offset, uint32_t value)
{
    qtest_outl(qt, 0xcf8, 1u << 31 | (uint32_t)bus << 16 | (uint32_t)devfn << 8 | (offset & ~3u));
    qtest_outl(qt, 0xcfc, value);
}

QPCIBus *qpci_new(QTest *qt)
{
    QPCIBus *bus = g_new0(QPCIBus, 1);

    bus->qt = qt;
    bus->ecam = QPCI_ECAM_BASE;
    qpci_port_writel(qt, 0, 0, MCH_PCIEXBAR + 4, 0);
    qpci_port_writel(qt, 0, 0, MCH_PCIEXBAR, QPCI_ECAM_BASE | 1); /* 256 MiB, on */
    bus->windows[0].memory = (QPCIWindow){ 0xc0000000ull, 0xfec00000ull };
    bus->windows[0].prefetchable = (QPCIWindow){ 0x800000000ull, 0x8000000000ull };
    bus->windows[0].io = (QPCIWindow){ 0xc000, 0x10000 };
    return bus;
}

void qpci_free(QPCIBus *bus)
{
    g_free(bus);
}

QPCIDevice qpci_device(QPCIBus *bus, uint8_t number, uint8_t slot, uint8_t function)
{
    return (QPCIDevice){ bus, number, QPCI_DEVFN(slot, function) };
}

uint64_t qpci_config_addr(QPCIDevice dev, uint16_t offset)
{
    return dev.bus->ecam + ((uint64_t)dev.number << 20 | (uint64_t)dev.devfn << 12 | offset);
}

bool qpci_present(QPCIDevice dev)
{
    return qpci_readw(dev, PCI_VENDOR_ID) != 0xffff;
}

uint8_t qpci_readb(QPCIDevice dev, uint16_t offset)
{
    return qtest_readb(dev.bus->qt, qpci_config_addr(dev, offset));
}

uint16_t qpci_readw(QPCIDevice dev, uint16_t offset)
{
    return qtest_readw(dev.bus->qt, qpci_config_addr(dev, offset));
}

uint32_t qpci_readl(QPCIDevice dev, uint16_t offset)
{
    return qtest_readl(dev.bus->qt, qpci_config_addr(dev, offset));
}

void qpci_writeb(QPCIDevice dev, uint16_t offset, uint8_t value)
{
    qtest_writeb(dev.bus->qt, qpci_config_addr(dev, offset), value);
}

void qpci_writew(QPCIDevice dev, uint16_t offset, uint16_t value)
{
    qtest_writew(dev.bus->qt, qpci_config_addr(dev, offset), value);
}

void qpci_writel(QPCIDevice dev, uint16_t offset, uint32_t value)
{
    qtest_writel(dev.bus->qt, qpci_config_addr(dev, offset), value);
}

void qpci_read_all(QPCIDevice dev, uint8_t *config)
{
    qtest_memread(dev.bus->qt, qpci_config_addr(dev, 0), config, 4096);
}

uint8_t qpci_find_cap(QPCIDevice dev, uint8_t id, uint8_t after)
{
    uint8_t offset = qpci_readb(dev, after ? after + 1 : PCI_CAPABILITY_LIST) & ~3;

    for (int i = 0; i < 48 && offset; i++, offset = qpci_readb(dev, offset + 1) & ~3) {
        if (qpci_readb(dev, offset) == id) {
            return offset;
        }
    }
    return 0;
}

uint16_t qpci_find_ext_cap(QPCIDevice dev, uint16_t id)
{
    uint16_t offset = 0x100;

    for (int i = 0; i < 960 && offset; i++) {
        uint32_t header = qpci_readl(dev, offset);
        if (header != 0 && (header & 0xffff) == id) {
            return offset;
        }
        offset = header >> 20 & ~3u;
    }
    return 0;
}

void qpci_enable(QPCIDevice dev)
{
    qpci_writew(dev, PCI_COMMAND,
                qpci_readw(dev, PCI_COMMAND) | PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static uint64_t allocate(QPCIWindow *window, uint64_t size)
{
    uint64_t addr = (window->next + size - 1) & ~(size - 1);

    g_assert_cmphex(addr + size, <=, window->end);
    window->next = addr + size;
    return addr;
}

void qpci_open_bridge(QPCIDevice bridge, uint8_t secondary, uint8_t subordinate)
{
    QPCIBus *bus = bridge.bus;
    const uint64_t memory_size = 16 << 20, prefetchable_size = 64 << 20, io_size = 4096;
    uint64_t memory = allocate(&bus->windows[bridge.number].memory, memory_size);
    uint64_t prefetchable = allocate(&bus->windows[bridge.number].prefetchable, prefetchable_size);
    uint64_t io = allocate(&bus->windows[bridge.number].io, io_size);

    bus->windows[secondary].memory = (QPCIWindow){ memory, memory + memory_size };
    bus->windows[secondary].prefetchable = (QPCIWindow){ prefetchable, prefetchable + prefetchable_size };
    bus->windows[secondary].io = (QPCIWindow){ io, io + io_size };
    qpci_writeb(bridge, PCI_PRIMARY_BUS, bridge.number);
    qpci_writeb(bridge, PCI_SECONDARY_BUS, secondary);
    qpci_writeb(bridge, PCI_SUBORDINATE_BUS, subordinate);
    qpci_writew(bridge, PCI_MEMORY_BASE, (uint16_t)(memory >> 16));
    qpci_writew(bridge, PCI_MEMORY_LIMIT, (uint16_t)((memory + memory_size - 1) >> 16));
    qpci_writew(bridge, PCI_PREF_MEMORY_BASE, (uint16_t)(prefetchable >> 16));
    qpci_writew(bridge, PCI_PREF_MEMORY_LIMIT, (uint16_t)((prefetchable + prefetchable_size - 1) >> 16));
    qpci_writel(bridge, PCI_PREF_BASE_UPPER32, (uint32_t)(prefetchable >> 32));
    qpci_writel(bridge, PCI_PREF_LIMIT_UPPER32, (uint32_t)((prefetchable + prefetchable_size - 1) >> 32));
    qpci_writeb(bridge, PCI_IO_BASE, (uint8_t)(io >> 8));
    qpci_writeb(bridge, PCI_IO_LIMIT, (uint8_t)((io + io_size - 1) >> 8));
    qpci_enable(bridge);
}

QPCIBar qpci_map_bar(QPCIDevice dev, int n)
{
    uint16_t reg = (uint16_t)(PCI_BASE_ADDRESS_0 + 4 * n);
    uint32_t type = qpci_readl(dev, reg);
    QPCIBar bar = { .is_io = type & PCI_BASE_ADDRESS_SPACE_IO };
    bool is_64 = !bar.is_io && (type & PCI_BASE_ADDRESS_MEM_TYPE_64);
    QPCIWindow *memory = &dev.bus->windows[dev.number].memory,
               *prefetchable = &dev.bus->windows[dev.number].prefetchable;

    qpci_writel(dev, reg, 0xffffffff);
    uint64_t mask = qpci_readl(dev, reg) & ~(bar.is_io ? 3u : 15u);
    if (mask == 0) {
        return bar;
    }
    mask |= bar.is_io ? 0xffffffffffff0000ull : 0xffffffff00000000ull;
    if (is_64) {
        qpci_writel(dev, reg + 4, 0xffffffff);
        mask = (uint64_t)qpci_readl(dev, reg + 4) << 32 | (mask & 0xffffffff);
    }
    bar.size = ~mask + 1;
    if (bar.is_io) {
        bar.addr = allocate(&dev.bus->windows[dev.number].io, bar.size);
    } else {
        bar.addr = allocate(is_64 && (type & PCI_BASE_ADDRESS_MEM_PREFETCH) ? prefetchable : memory, bar.size);
    }
    qpci_writel(dev, reg, (uint32_t)bar.addr);
    if (is_64) {
        qpci_writel(dev, reg + 4, (uint32_t)(bar.addr >> 32));
    }
    return bar;
}

uint32_t qpci_bar_read(QPCIDevice dev, QPCIBar bar, uint64_t offset, unsigned size)
{
    QTest *qt = dev.bus->qt;
    uint64_t addr = bar.addr + offset;

    if (bar.is_io) {
        return size == 1 ? qtest_inb(qt, (uint16_t)addr) : size == 2 ? qtest_inw(qt, (uint16_t)addr)
                                                                     : qtest_inl(qt, (uint16_t)addr);
    }
    return size == 1 ? qtest_readb(qt, addr) : size == 2 ? qtest_readw(qt, addr) : qtest_readl(qt, addr);
}

void qpci_bar_write(QPCIDevice dev, QPCIBar bar, uint64_t offset, unsigned size, uint32_t value)
{
    QTest *qt = dev.bus->qt;
    uint64_t addr = bar.addr + offset;

    switch (size | (bar.is_io ? 8 : 0)) {
    case 1:
        qtest_writeb(qt, addr, (uint8_t)value);
        break;
    case 2:
        qtest_writew(qt, addr, (uint16_t)value);
        break;
    case 4:
        qtest_writel(qt, addr, value);
        break;
    case 8 | 1:
        qtest_outb(qt, (uint16_t)addr, (uint8_t)value);
        break;
    case 8 | 2:
        qtest_outw(qt, (uint16_t)addr, (uint16_t)value);
        break;
    case 8 | 4:
        qtest_outl(qt, (uint16_t)addr, value);
        break;
    default:
        g_assert_not_reached();
    }
}

void qpci_msi_enable(QPCIDevice dev, uint64_t addr, uint16_t data)
{
    uint8_t cap = qpci_find_cap(dev, PCI_CAP_ID_MSI, 0);

    g_assert_cmphex(cap, !=, 0);
    uint16_t flags = qpci_readw(dev, cap + PCI_MSI_FLAGS);
    qpci_writel(dev, cap + PCI_MSI_ADDRESS_LO, (uint32_t)addr);
    if (flags & PCI_MSI_FLAGS_64BIT) {
        qpci_writel(dev, cap + PCI_MSI_ADDRESS_HI, (uint32_t)(addr >> 32));
        qpci_writew(dev, cap + PCI_MSI_DATA_64, data);
    } else {
        qpci_writew(dev, cap + PCI_MSI_DATA_32, data);
    }
    qpci_writew(dev, cap + PCI_MSI_FLAGS, flags | PCI_MSI_FLAGS_ENABLE);
}

static uint8_t msix_cap(QPCIDevice dev)
{
    uint8_t cap = qpci_find_cap(dev, PCI_CAP_ID_MSIX, 0);

    g_assert_cmphex(cap, !=, 0);
    return cap;
}

QPCIBar qpci_msix_enable(QPCIDevice dev)
{
    uint8_t cap = msix_cap(dev);
    uint32_t where = qpci_readl(dev, cap + PCI_MSIX_TABLE);
    QPCIBar table = qpci_map_bar(dev, (int)(where & 7));

    table.addr += where & ~7u;
    qpci_enable(dev);
    qpci_writew(dev, cap + PCI_MSIX_FLAGS, qpci_readw(dev, cap + PCI_MSIX_FLAGS) | PCI_MSIX_FLAGS_ENABLE);
    return table;
}

unsigned qpci_msix_count(QPCIDevice dev)
{
    return (qpci_readw(dev, msix_cap(dev) + PCI_MSIX_FLAGS) & 0x7ff) + 1u;
}

void qpci_msix_set(QPCIDevice dev, QPCIBar table, unsigned vector, uint64_t addr, uint32_t data)
{
    uint64_t entry = table.addr + 16 * vector;

    qtest_writel(dev.bus->qt, entry, (uint32_t)addr);
    qtest_writel(dev.bus->qt, entry + 4, (uint32_t)(addr >> 32));
    qtest_writel(dev.bus->qt, entry + 8, data);
    qtest_writel(dev.bus->qt, entry + 12, 0);
}

void qpci_msix_mask(QPCIDevice dev, QPCIBar table, unsigned vector, bool mask)
{
    qtest_writel(dev.bus->qt, table.addr + 16 * vector + 12, mask);
}

uint32_t qpci_message(QPCIDevice dev, uint64_t addr)
{
    uint32_t value = qtest_readl(dev.bus->qt, addr);

    qtest_writel(dev.bus->qt, addr, 0);
    return value;
}
