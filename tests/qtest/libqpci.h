/*
 * A guest's view of PCI on the q35 board: config space over ECAM or ports, bridges, BARs, MSI and MSI-X. The allocation
 * of addresses is that of a simple firmware: what is set up first lies lowest.
 */
#ifndef TESTS_QTEST_LIBQPCI_H
#define TESTS_QTEST_LIBQPCI_H

#include "libqtest.h"

#define QPCI_ECAM_BASE 0xb0000000ull
#define QPCI_DEVFN(slot, function) ((uint8_t)((slot) << 3 | (function)))

/* Where the BARs of one bus go. */
typedef struct QPCIWindow {
    uint64_t next, end;
} QPCIWindow;

typedef struct QPCIBus {
    QTest *qt;
    uint64_t ecam;
    struct {
        QPCIWindow memory, prefetchable, io;
    } windows[256];
} QPCIBus;

typedef struct QPCIDevice {
    QPCIBus *bus;
    uint8_t number;     /* of the bus */
    uint8_t devfn;
} QPCIDevice;

typedef struct QPCIBar {
    bool is_io;
    uint64_t addr, size;
} QPCIBar;

/* Switches ECAM on, at QPCI_ECAM_BASE, by way of the ports. */
QPCIBus *qpci_new(QTest *qt);
void qpci_free(QPCIBus *bus);

/* Config space by mechanism 1: 0xcf8 and 0xcfc. */
uint32_t qpci_port_readl(QTest *qt, uint8_t bus, uint8_t devfn, uint8_t offset);
void qpci_port_writel(QTest *qt, uint8_t bus, uint8_t devfn, uint8_t offset, uint32_t value);

QPCIDevice qpci_device(QPCIBus *bus, uint8_t number, uint8_t slot, uint8_t function);
bool qpci_present(QPCIDevice dev);
uint64_t qpci_config_addr(QPCIDevice dev, uint16_t offset); /* in ECAM */
uint8_t qpci_readb(QPCIDevice dev, uint16_t offset);
uint16_t qpci_readw(QPCIDevice dev, uint16_t offset);
uint32_t qpci_readl(QPCIDevice dev, uint16_t offset);
void qpci_writeb(QPCIDevice dev, uint16_t offset, uint8_t value);
void qpci_writew(QPCIDevice dev, uint16_t offset, uint16_t value);
void qpci_writel(QPCIDevice dev, uint16_t offset, uint32_t value);
/* The whole config space, 4096 bytes. */
void qpci_read_all(QPCIDevice dev, uint8_t *config);

/* The offset of a capability after `after` (0: the first one), 0 if there is none. */
uint8_t qpci_find_cap(QPCIDevice dev, uint8_t id, uint8_t after);
uint16_t qpci_find_ext_cap(QPCIDevice dev, uint16_t id);

/* Command register: I/O, memory and bus mastering on. */
void qpci_enable(QPCIDevice dev);
/*
 * Opens a bridge: its bus numbers, 16 MiB of memory, 64 MiB of prefetchable memory above 4 GiB, 4 KiB of ports, bus
 * mastering. Returns nothing: the device behind it is qpci_device(bus, secondary, 0, 0).
 */
void qpci_open_bridge(QPCIDevice bridge, uint8_t secondary, uint8_t subordinate);

/* Finds out the size of a BAR and gives it an address; size 0: there is no such BAR. Call qpci_enable() after. */
QPCIBar qpci_map_bar(QPCIDevice dev, int n);
uint32_t qpci_bar_read(QPCIDevice dev, QPCIBar bar, uint64_t offset, unsigned size);
void qpci_bar_write(QPCIDevice dev, QPCIBar bar, uint64_t offset, unsigned size, uint32_t value);

/*
 * MSI and MSI-X: messages are writes to memory. Let them go to RAM that is zero, and read there whether one came: the
 * functions below set that up, qpci_message() reads the word and clears it.
 */
void qpci_msi_enable(QPCIDevice dev, uint64_t addr, uint16_t data);
/* Maps the BAR that holds the table; each vector is masked until it is set. */
QPCIBar qpci_msix_enable(QPCIDevice dev);
void qpci_msix_set(QPCIDevice dev, QPCIBar table, unsigned vector, uint64_t addr, uint32_t data);
void qpci_msix_mask(QPCIDevice dev, QPCIBar table, unsigned vector, bool mask);
unsigned qpci_msix_count(QPCIDevice dev);
uint32_t qpci_message(QPCIDevice dev, uint64_t addr);

#endif
