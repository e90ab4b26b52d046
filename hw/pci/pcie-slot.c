/*
 * The slot of a port (PCIe 4.0, 6.7): presence, attention button and indicator, power controller and indicator, lock,
 * and the hot-plug interrupt.
 *
 * Plugging sets presence and tells the guest; it powers the slot on and finds the device. Unplugging presses the
 * attention button; the guest lets go of the device and turns power and power indicator off, upon which it is taken
 * out.
 */
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie.h"
#include "system/clock.h"
#include "util/error.h"
#include "util/units.h"

/* Events that these slots have; enables in Slot Control and events in Slot Status are in the same places. */
enum {
    SLOT_EVENTS = PCI_EXP_SLTSTA_ABP | PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_CC,
    SLOT_EVENTS_ALL = SLOT_EVENTS | PCI_EXP_SLTSTA_PFD | PCI_EXP_SLTSTA_MRLSC,
    SLOT_ENABLES = PCI_EXP_SLTCTL_ABPE | PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_CCIE | PCI_EXP_SLTCTL_HPIE,
};

/* A guest takes 5 seconds in which a second press of the button would cancel the first (6.7.1.5). */
#define ASK_AGAIN_NS (5 * NANOSECONDS_PER_SECOND)

static uint8_t *reg(const PCIDevice *dev, unsigned offset)
{
    return dev->config + dev->exp_cap + offset;
}

static uint16_t control_of(const PCIDevice *dev)
{
    return pci_get_word(reg(dev, PCI_EXP_SLTCTL));
}

static uint16_t status_of(const PCIDevice *dev)
{
    return pci_get_word(reg(dev, PCI_EXP_SLTSTA));
}

static bool has(const PCIDevice *dev, uint32_t capability)
{
    return pci_get_long(reg(dev, PCI_EXP_SLTCAP)) & capability;
}

static PCIBus *slot_bus(PCIDevice *dev)
{
    return pci_bridge_bus(PCI_BRIDGE(dev));
}

/* The interrupt: while an enabled event is there; by message when that begins (6.7.3.4). */

static void update_notified(PCIDevice *dev)
{
    dev->exp->hpev_notified = (control_of(dev) & PCI_EXP_SLTCTL_HPIE) &&
                              (control_of(dev) & status_of(dev) & SLOT_EVENTS);
}

static void notify(PCIDevice *dev)
{
    bool before = dev->exp->hpev_notified;

    update_notified(dev);
    if (dev->exp->hpev_notified == before) {
        return;
    }
    if (msix_enabled(dev)) {
        msix_notify(dev, pcie_cap_flags_get_vector(dev));
    } else if (msi_enabled(dev)) {
        msi_notify(dev, pcie_cap_flags_get_vector(dev));
    } else {
        pci_set_irq(dev, dev->exp->hpev_notified);
    }
}

static void event(PCIDevice *dev, uint16_t events)
{
    if (pci_word_set(reg(dev, PCI_EXP_SLTSTA), events) != events) {
        notify(dev);
    }
}

/* Power and presence. */

static void update_power(PCIDevice *dev)
{
    PCIBus *bus = slot_bus(dev);
    bool on = !has(dev, PCI_EXP_SLTCAP_PCP) || !(control_of(dev) & PCI_EXP_SLTCTL_PCC);

    if (!(dev->cap_present & (1u << PCIE_SLOT_POWER_BIT)) || !bus) {
        return;
    }
    for (int devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        if (bus->devices[devfn] && bus->devices[devfn]->config) {
            pci_set_power(bus->devices[devfn], on);
        }
    }
}

static void set_present(PCIDevice *dev, bool present)
{
    bool reports_link = dev->cap_present & (1u << PCIE_LNKSTA_DLLLA_BIT);

    if (present) {
        pci_word_set(reg(dev, PCI_EXP_SLTSTA), PCI_EXP_SLTSTA_PDS);
        pci_word_set(reg(dev, PCI_EXP_LNKSTA), reports_link ? PCI_EXP_LNKSTA_DLLLA : 0);
    } else {
        pci_word_clear(reg(dev, PCI_EXP_SLTSTA), PCI_EXP_SLTSTA_PDS);
        pci_word_clear(reg(dev, PCI_EXP_LNKSTA), reports_link ? PCI_EXP_LNKSTA_DLLLA : 0);
    }
}

void pcie_cap_slot_enable_power(PCIDevice *dev)
{
    if (has(dev, PCI_EXP_SLTCAP_PCP)) {
        pci_word_clear(reg(dev, PCI_EXP_SLTCTL), PCI_EXP_SLTCTL_PCC);
        update_power(dev);
    }
}

/* Everything behind the port goes: a slot's functions are one card. */
static void take_out(PCIDevice *dev)
{
    PCIBus *bus = slot_bus(dev);

    for (int devfn = PCI_DEVFN_MAX - 1; devfn >= 0; devfn--) {
        if (bus->devices[devfn]) {
            device_unplug(&bus->devices[devfn]->parent_obj);
        }
    }
    set_present(dev, false);
    pci_word_set(reg(dev, PCI_EXP_SLTSTA), PCI_EXP_SLTSTA_PDC);
}

/* Registers. */

void pcie_cap_slot_init(PCIDevice *dev, uint16_t slot, bool hotplug_capable)
{
    uint8_t *wmask = dev->wmask + dev->exp_cap, *cmask = dev->cmask + dev->exp_cap;
    uint32_t capability = PCI_EXP_SLTCAP_ABP | PCI_EXP_SLTCAP_AIP | PCI_EXP_SLTCAP_PIP | PCI_EXP_SLTCAP_EIP;
    bool power_controller = dev->cap_present & (1u << PCIE_SLTCAP_PCP_BIT);

    capability |= hotplug_capable ? PCI_EXP_SLTCAP_HPS | PCI_EXP_SLTCAP_HPC : 0;
    capability |= power_controller ? PCI_EXP_SLTCAP_PCP : 0;
    pci_word_set(reg(dev, PCI_EXP_FLAGS), PCI_EXP_FLAGS_SLOT);
    pci_set_long(reg(dev, PCI_EXP_SLTCAP), (uint32_t)slot << PCI_EXP_SLTCAP_PSN_SHIFT | capability);
    pci_set_word(wmask + PCI_EXP_SLTCTL, SLOT_ENABLES | PCI_EXP_SLTCTL_AIC | PCI_EXP_SLTCTL_PIC | PCI_EXP_SLTCTL_EIC |
                 (power_controller ? PCI_EXP_SLTCTL_PCC : 0));
    pci_set_word(dev->w1cmask + dev->exp_cap + PCI_EXP_SLTSTA, SLOT_EVENTS);
    if (!(dev->cap_present & (1u << PCIE_SLTSTA_PDS_CHECKED_BIT))) {
        pci_word_clear(cmask + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
    }
}

void pcie_cap_slot_reset(PCIDevice *dev)
{
    bool populated = slot_bus(dev)->devices[0];
    bool pic_on = dev->cap_present & (1u << PCIE_SLTCTL_RESET_PIC_ON_BIT);
    uint16_t control = PCI_EXP_SLTCTL_AIC_OFF;

    if (has(dev, PCI_EXP_SLTCAP_PCP)) {
        control |= populated && pic_on ? PCI_EXP_SLTCTL_PIC_ON : PCI_EXP_SLTCTL_PIC_OFF;
        control |= populated ? 0 : PCI_EXP_SLTCTL_PCC;
    } else if (!pic_on) {
        control |= PCI_EXP_SLTCTL_PIC_OFF;
    }
    pci_word_clear(reg(dev, PCI_EXP_SLTCTL),
                   SLOT_ENABLES | PCI_EXP_SLTCTL_EIC | PCI_EXP_SLTCTL_PIC | PCI_EXP_SLTCTL_AIC | PCI_EXP_SLTCTL_PCC);
    pci_word_set(reg(dev, PCI_EXP_SLTCTL), control);
    pci_word_clear(reg(dev, PCI_EXP_SLTSTA), PCI_EXP_SLTSTA_EIS | SLOT_EVENTS);
    update_power(dev);
    dev->exp->hpev_notified = false;
}

static void write_status(PCIDevice *dev, uint16_t written)
{
    uint16_t old = dev->exp->old_slot_sta;

    /* A guest that clears events that are not there clears blindly, as some do when they start: it has not seen any
     * that came meanwhile, so none is cleared. */
    if (written & ~old & SLOT_EVENTS_ALL) {
        pci_set_word(reg(dev, PCI_EXP_SLTSTA), (status_of(dev) & ~SLOT_EVENTS_ALL) | (old & SLOT_EVENTS_ALL));
    }
    update_notified(dev);
    if (!dev->exp->hpev_notified && !msix_enabled(dev) && !msi_enabled(dev)) {
        pci_set_irq(dev, 0);
    }
}

static bool lets_go(uint16_t control)
{
    return (control & PCI_EXP_SLTCTL_PCC) && (control & PCI_EXP_SLTCTL_PIC) == PCI_EXP_SLTCTL_PIC_OFF;
}

static void write_control(PCIDevice *dev, uint16_t written)
{
    if (pci_word_clear(reg(dev, PCI_EXP_SLTCTL), PCI_EXP_SLTCTL_EIC)) {
        pci_set_word(reg(dev, PCI_EXP_SLTSTA), status_of(dev) ^ PCI_EXP_SLTSTA_EIS);
    }
    /* Only a change lets go: a guest may write the same again before it powers the slot on. What it writes counts, also
     * to a power controller that is not there. */
    if ((status_of(dev) & PCI_EXP_SLTSTA_PDS) && lets_go(written) && !lets_go(dev->exp->old_slot_ctl)) {
        take_out(dev);
    }
    update_power(dev);
    notify(dev);
    /* 6.7.3.2: each write to Slot Control is a command, and completes at once. */
    event(dev, PCI_EXP_SLTSTA_CC);
}

/* What a write put into the 16-bit register at `offset`; `word` where it put nothing. */
static uint16_t written_word(const PCIDevice *dev, unsigned offset, uint16_t word, uint32_t addr, uint32_t value,
                             unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        unsigned at = addr + i - (dev->exp_cap + offset);

        if (at < 2) {
            word = (word & ~(0xff << 8 * at)) | (value >> 8 * i & 0xff) << 8 * at;
        }
    }
    return word;
}

void pcie_cap_slot_write(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    if (pci_ranges_overlap(addr, len, dev->exp_cap + PCI_EXP_SLTSTA, 2)) {
        write_status(dev, written_word(dev, PCI_EXP_SLTSTA, 0, addr, value, len));
    }
    if (pci_ranges_overlap(addr, len, dev->exp_cap + PCI_EXP_SLTCTL, 2)) {
        write_control(dev, written_word(dev, PCI_EXP_SLTCTL, dev->exp->old_slot_ctl, addr, value, len));
    }
}

void pcie_cap_slot_post_load(PCIDevice *dev)
{
    update_notified(dev);
    update_power(dev);
}

/* Hot plug. */

bool pcie_slot_pre_plug(Object *handler, DeviceState *dev, GError **error)
{
    PCIDevice *port = PCI_DEVICE(handler);

    if (dev->hotplugged && !has(port, PCI_EXP_SLTCAP_HPC)) {
        return error_setf(error, "Hot-plug failed: unsupported by the port device '%s'", port->parent_obj.id);
    }
    if (status_of(port) & PCI_EXP_SLTSTA_EIS) {
        return error_set_errno(error, EBUSY, "slot is electromechanically locked");
    }
    return true;
}

bool pcie_slot_plug(Object *handler, DeviceState *dev, GError **error)
{
    PCIDevice *port = PCI_DEVICE(handler), *plugged = PCI_DEVICE(dev);

    if (!dev->hotplugged) {
        set_present(port, true);
    } else if (pci_function_0(plugged)) {
        /* The card is whole when its function 0 is there, which is plugged last. */
        set_present(port, true);
        event(port, PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_ABP);
    }
    update_power(port);
    return true;
}

bool pcie_slot_unplug_request(Object *handler, DeviceState *dev, GError **error)
{
    PCIDevice *port = PCI_DEVICE(handler);
    bool knows_power = port->cap_present & (1u << PCIE_SLOT_POWER_BIT);

    if (!has(port, PCI_EXP_SLTCAP_HPC)) {
        return error_setf(error, "Hot-unplug failed: unsupported by the port device '%s'", port->parent_obj.id);
    }
    if (status_of(port) & PCI_EXP_SLTSTA_EIS) {
        return error_set_errno(error, EBUSY, "slot is electromechanically locked");
    }
    if (knows_power && (control_of(port) & PCI_EXP_SLTCTL_PIC) == PCI_EXP_SLTCTL_PIC_BLINK) {
        return error_setf(error, "Hot-unplug failed: guest is busy (power indicator blinking)");
    }
    dev->pending_unplug = true;
    dev->ask_again = knows_power ? clock_ns(CLOCK_TYPE_VIRTUAL) + ASK_AGAIN_NS : 0;
    if (PCI_DEVICE(dev)->devfn && !slot_bus(port)->devices[0]) {
        /* The guest never saw this function. */
        device_unplug(dev);
    } else if (knows_power && has(port, PCI_EXP_SLTCAP_PCP) && lets_go(control_of(port))) {
        /* Without power it has no driver to ask, and no button needs to be pressed. */
        take_out(port);
        notify(port);
        pci_word_clear(reg(port, PCI_EXP_SLTSTA), PCI_EXP_SLTSTA_ABP);
    } else {
        event(port, PCI_EXP_SLTSTA_ABP);
    }
    return true;
}

void pcie_slot_unplug(Object *handler, DeviceState *dev)
{
}
