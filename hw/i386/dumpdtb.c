/*
 * -M …,dumpdtb=FILE: the machine as a flattened device tree: CPUs, memory, what lies where, the PCI tree with its BARs
 * and interrupt routes, and below /godwit,devices every device object with a node godwit,properties: name = value,
 * origin and, if a row of the compat history or -global gave it, which.
 *
 * Before firmware has run bridges have no bus numbers and BARs no addresses. The numbers are then those that a
 * depth-first walk gives ("godwit,bus-numbers" says which); addresses are in assigned-addresses once there are some.
 */
#include <libfdt.h>
#include <string.h>

#include "hw/i386/pc.h"
#include "hw/intc/ioapic.h"
#include "hw/timer/hpet.h"
#include "target/i386/cpu.h"
#include "util/error.h"
#include "util/file.h"
#include "util/units.h"

#define IOAPIC_PHANDLE 1
#define FDT_SIZE_FIRST (64 * KiB)
#define FDT_SIZE_MAX (256 * MiB)

typedef struct Dump {
    void *fdt;
    int status;                 /* the first error of libfdt */
    PCMachineState *pc;
    unsigned next_bus;
} Dump;

static void check(Dump *d, int status)
{
    d->status = d->status ? d->status : status;
}

static void begin(Dump *d, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void begin(Dump *d, const char *format, ...)
{
    va_list ap;
    g_autofree char *name = NULL;

    va_start(ap, format);
    name = g_strdup_vprintf(format, ap);
    va_end(ap);
    check(d, fdt_begin_node(d->fdt, name));
}

static void end(Dump *d)
{
    check(d, fdt_end_node(d->fdt));
}

static void put_cells(Dump *d, const char *name, const uint32_t *cells, size_t count)
{
    g_autofree uint32_t *big = g_new(uint32_t, count + 1);

    for (size_t i = 0; i < count; i++) {
        big[i] = GUINT32_TO_BE(cells[i]);
    }
    check(d, fdt_property(d->fdt, name, big, count * sizeof(uint32_t)));
}

#define CELLS(d, name, ...)                                                                 \
    do {                                                                                    \
        const uint32_t cells_[] = { __VA_ARGS__ };                                          \
        put_cells(d, name, cells_, G_N_ELEMENTS(cells_));                                   \
    } while (0)
#define HI(x) ((uint32_t)((uint64_t)(x) >> 32))
#define LO(x) ((uint32_t)(x))

static void put_text(Dump *d, const char *name, const char *text)
{
    check(d, fdt_property_string(d->fdt, name, text));
}

static void put_flag(Dump *d, const char *name)
{
    check(d, fdt_property(d->fdt, name, NULL, 0));
}

/* CPUs and memory. */
static void dump_cpus(Dump *d)
{
    begin(d, "cpus");
    CELLS(d, "#address-cells", 1);
    CELLS(d, "#size-cells", 0);
    for (unsigned i = 0; i < x86_cpu_count(); i++) {
        const X86CPU *cpu = x86_cpu_by_index(i);

        begin(d, "cpu@%x", cpu->apic_id);
        put_text(d, "device_type", "cpu");
        put_text(d, "compatible", X86_CPU_GET_CLASS(cpu)->model_name);
        CELLS(d, "reg", cpu->apic_id);
        put_text(d, "status", "okay");
        end(d);
    }
    end(d);
}

static void dump_memory_piece(Dump *d, uint64_t addr, uint64_t size)
{
    if (size) {
        begin(d, "memory@%" G_GINT64_MODIFIER "x", addr);
        put_text(d, "device_type", "memory");
        CELLS(d, "reg", HI(addr), LO(addr), HI(size), LO(size));
        end(d);
    }
}

static void dump_range(hwaddr first, hwaddr last, const MemorySection *section, void *opaque)
{
    Dump *d = opaque;
    uint64_t size = last - first + 1;

    begin(d, "range@%" G_GINT64_MODIFIER "x", first);
    CELLS(d, "reg", HI(first), LO(first), HI(size), LO(size));
    put_text(d, "label", section->mr->name);
    put_text(d, "godwit,kind", section->mr->ram ? section->readonly ? "rom" : "ram" : "io");
    CELLS(d, "godwit,offset", HI(section->offset), LO(section->offset));
    end(d);
}

static void dump_map(Dump *d)
{
    begin(d, "godwit,memory-map");
    CELLS(d, "#address-cells", 2);
    CELLS(d, "#size-cells", 2);
    address_space_foreach(&address_space_memory, dump_range, d);
    end(d);
}

static void dump_chips(Dump *d)
{
    begin(d, "interrupt-controller@%x", (unsigned)IOAPIC_ADDRESS);
    put_text(d, "compatible", "intel,ce4100-ioapic");
    CELLS(d, "reg", 0, LO(IOAPIC_ADDRESS), 0, 0x1000);
    put_flag(d, "interrupt-controller");
    CELLS(d, "#address-cells", 0);
    CELLS(d, "#interrupt-cells", 2);
    CELLS(d, "phandle", IOAPIC_PHANDLE);
    end(d);
    if (d->pc->hpet_dev) {
        begin(d, "timer@%x", (unsigned)HPET_ADDRESS);
        put_text(d, "compatible", "intel,ce4100-hpet");
        CELLS(d, "reg", 0, LO(HPET_ADDRESS), 0, 0x400);
        end(d);
    }
}

/* PCI. The binding's phys.hi: space, bus, function and register. */
enum { SPACE_CONFIG = 0, SPACE_IO = 1u << 24, SPACE_MEM32 = 2u << 24, SPACE_MEM64 = 3u << 24, PREFETCHABLE = 1u << 30 };

static uint32_t phys_hi(unsigned bus, unsigned devfn, unsigned reg)
{
    return bus << 16 | devfn << 8 | reg;
}

static uint32_t bar_space(uint8_t type)
{
    if (type & PCI_BASE_ADDRESS_SPACE_IO) {
        return SPACE_IO;
    }
    return (type & PCI_BASE_ADDRESS_MEM_TYPE_64 ? SPACE_MEM64 : SPACE_MEM32) |
           (type & PCI_BASE_ADDRESS_MEM_PREFETCH ? PREFETCHABLE : 0);
}

static unsigned bar_register(const PCIDevice *dev, int region)
{
    if (region == PCI_ROM_SLOT) {
        return (dev->config[PCI_HEADER_TYPE] & 0x7f) == 1 ? 0x38 : 0x30;
    }
    return 0x10 + 4 * region;
}

static void dump_bars(Dump *d, PCIDevice *dev, unsigned bus)
{
    uint32_t reg[5 * (PCI_NUM_REGIONS + 1)], assigned[5 * PCI_NUM_REGIONS];
    size_t n = 5, m = 0;

    memset(reg, 0, sizeof(reg));
    reg[0] = phys_hi(bus, dev->devfn, 0);
    for (int i = 0; i < PCI_NUM_REGIONS; i++) {
        const PCIIORegion *r = &dev->regions[i];
        uint32_t hi = phys_hi(bus, dev->devfn, bar_register(dev, i)) | bar_space(r->type);
        hwaddr addr = r->size ? pci_bar_addr(dev, i) : PCI_BAR_UNMAPPED;

        if (!r->size) {
            continue;
        }
        reg[n] = hi;
        reg[n + 3] = HI(r->size);
        reg[n + 4] = LO(r->size);
        n += 5;
        if (addr != PCI_BAR_UNMAPPED) {
            uint32_t cells[5] = { hi | 1u << 31, HI(addr), LO(addr), HI(r->size), LO(r->size) };

            memcpy(assigned + m, cells, sizeof(cells));
            m += 5;
        }
    }
    put_cells(d, "reg", reg, n);
    if (m) {
        put_cells(d, "assigned-addresses", assigned, m);
    }
}

static const char *node_name(const PCIDevice *dev)
{
    static const struct {
        uint16_t class_id;
        const char *name;
    } names[] = {
        { 0x0100, "scsi" }, { 0x0106, "sata" }, { 0x0108, "nvme" }, { 0x0200, "ethernet" }, { 0x0300, "display" },
        { 0x0600, "host" }, { 0x0601, "isa" }, { 0x0604, "pci" }, { 0x0c03, "usb" }, { 0x0c05, "smbus" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].class_id == pci_get_word(dev->config + PCI_CLASS_DEVICE)) {
            return names[i].name;
        }
    }
    return "device";
}

static PCIBus *bus_behind(PCIBus *bus, const PCIDevice *dev)
{
    for (guint i = 0; bus->child && i < bus->child->len; i++) {
        PCIBus *child = bus->child->pdata[i];

        if (child->parent_dev == dev) {
            return child;
        }
    }
    return NULL;
}

static void dump_pci_identity(Dump *d, const PCIDevice *dev)
{
    const uint8_t *config = dev->config;
    unsigned class_code = pci_get_word(config + PCI_CLASS_DEVICE) << 8 | config[PCI_CLASS_PROG];
    g_autofree char *compatible = g_strdup_printf("pci%x,%x", pci_get_word(config + PCI_VENDOR_ID),
                                                  pci_get_word(config + PCI_DEVICE_ID));
    g_autofree char *path = object_path(&dev->parent_obj.parent_obj);

    put_text(d, "compatible", compatible);
    CELLS(d, "vendor-id", pci_get_word(config + PCI_VENDOR_ID));
    CELLS(d, "device-id", pci_get_word(config + PCI_DEVICE_ID));
    CELLS(d, "revision-id", config[PCI_REVISION_ID]);
    CELLS(d, "class-code", class_code);
    if (config[PCI_INTERRUPT_PIN]) {
        CELLS(d, "interrupts", config[PCI_INTERRUPT_PIN]);
    }
    put_text(d, "godwit,type", object_type(&dev->parent_obj.parent_obj));
    put_text(d, "godwit,qom-path", path);
}

static void dump_bus_devices(Dump *d, PCIBus *bus, unsigned number);

static unsigned count_buses(PCIBus *bus)
{
    unsigned n = 1;

    for (guint i = 0; bus->child && i < bus->child->len; i++) {
        n += count_buses(bus->child->pdata[i]);
    }
    return n;
}

/* Its numbers as the guest set them, if it did and they make sense here; else the next ones of the walk. */
static void dump_bridge(Dump *d, PCIDevice *dev, PCIBus *behind, unsigned above)
{
    unsigned secondary = dev->config[0x19], subordinate = dev->config[0x1a];
    bool programmed = secondary > above && subordinate >= secondary;

    if (!programmed) {
        secondary = d->next_bus;
        subordinate = secondary + count_buses(behind) - 1;
    }
    d->next_bus = secondary + 1;
    put_text(d, "device_type", "pci");
    CELLS(d, "#address-cells", 3);
    CELLS(d, "#size-cells", 2);
    put_flag(d, "ranges");
    CELLS(d, "bus-range", secondary, subordinate);
    put_text(d, "godwit,bus-numbers", programmed ? "programmed" : "expected");
    dump_bus_devices(d, behind, secondary);
    d->next_bus = MAX(d->next_bus, subordinate + 1);
}

static void dump_isa_devices(Dump *d, ISABus *bus)
{
    CELLS(d, "#address-cells", 2);
    CELLS(d, "#size-cells", 1);
    for (guint i = 0; i < bus->parent_obj.children->len; i++) {
        ISADevice *dev = ISA_DEVICE(bus->parent_obj.children->pdata[i]);
        MemorySection section = { 0 };

        if (dev->ioport >= 0) {
            section = address_space_lookup(&address_space_io, dev->ioport);
        }
        if (section.mr) {
            begin(d, "%s@%x", object_type(OBJECT(dev)), dev->ioport);
            CELLS(d, "reg", 1, dev->ioport, LO(section.mr->size));
            end(d);
        }
    }
}

static void dump_pci_device(Dump *d, PCIDevice *dev, PCIBus *bus, unsigned number)
{
    PCIBus *behind = bus_behind(bus, dev);

    if (PCI_FUNC(dev->devfn)) {
        begin(d, "%s@%x,%x", node_name(dev), PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn));
    } else {
        begin(d, "%s@%x", node_name(dev), PCI_SLOT(dev->devfn));
    }
    dump_bars(d, dev, number);
    dump_pci_identity(d, dev);
    if (behind) {
        dump_bridge(d, dev, behind, number);
    } else if (dev == &d->pc->lpc->parent_obj) {
        dump_isa_devices(d, d->pc->lpc->isa_bus);
    }
    end(d);
}

static void dump_bus_devices(Dump *d, PCIBus *bus, unsigned number)
{
    for (unsigned devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        if (bus->devices[devfn]) {
            dump_pci_device(d, bus->devices[devfn], bus, number);
        }
    }
}

/* Each pin of each slot in use: device address (3), pin (1), controller, its two cells: input, level and low. */
static void dump_interrupt_map(Dump *d, PCIBus *bus)
{
    g_autoptr(GArray) map = g_array_new(false, false, sizeof(uint32_t));
    int last_slot = -1;

    for (unsigned devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        PCIDevice *dev = bus->devices[devfn];

        if (!dev || PCI_SLOT(devfn) == last_slot) {
            continue;
        }
        last_slot = PCI_SLOT(devfn);
        for (int pin = 0; pin < PCI_NUM_PINS; pin++) {
            uint32_t row[] = { PCI_SLOT(devfn) << 11, 0, 0, pin + 1, IOAPIC_PHANDLE, 16 + bus->map_irq(dev, pin), 1 };

            g_array_append_vals(map, row, G_N_ELEMENTS(row));
        }
    }
    CELLS(d, "interrupt-map-mask", 0xf800, 0, 0, 7);
    put_cells(d, "interrupt-map", (const uint32_t *)(void *)map->data, map->len);
}

static void dump_pci(Dump *d)
{
    Q35PCIHost *host = d->pc->host;
    PCIBus *bus = PCI_HOST_BRIDGE(host)->bus;
    uint64_t pciexbar = pci_get_quad(host->mch->parent_obj.config + 0x60);
    uint64_t ecam = pciexbar & 0xffc000000ull, size = 256 * MiB >> (pciexbar >> 1 & 3);
    uint64_t low = ecam < 4 * GiB && ecam >= d->pc->below_4g_size ? ecam + size : d->pc->below_4g_size;
    uint64_t high = object_get_uint(OBJECT(host), "pci-hole64-start"), high_end;

    high_end = object_get_uint(OBJECT(host), "pci-hole64-end");
    begin(d, "pcie@%" G_GINT64_MODIFIER "x", ecam);
    put_text(d, "compatible", "pci-host-ecam-generic");
    put_text(d, "device_type", "pci");
    CELLS(d, "reg", HI(ecam), LO(ecam), HI(size), LO(size));
    CELLS(d, "godwit,ecam-enabled", pciexbar & 1);
    CELLS(d, "bus-range", 0, (uint32_t)(size / MiB) - 1);
    CELLS(d, "#address-cells", 3);
    CELLS(d, "#size-cells", 2);
    CELLS(d, "#interrupt-cells", 1);
    CELLS(d, "ranges",
          SPACE_IO, 0, 0, 0, 0, 0, 0x10000,
          SPACE_MEM32, HI(low), LO(low), HI(low), LO(low), 0, LO(IOAPIC_ADDRESS - low),
          SPACE_MEM64, HI(high), LO(high), HI(high), LO(high), HI(high_end - high), LO(high_end - high));
    dump_interrupt_map(d, bus);
    d->next_bus = 1;
    dump_bus_devices(d, bus, 0);
    end(d);
}

/* The objects. Names of nodes and properties have letters, digits and a few signs. */
static char *dt_name(const char *name)
{
    char *clean = g_strdup(name);
    size_t length = strlen(clean);

    if (length && clean[length - 1] == ']') {
        clean[length - 1] = '\0';
    }
    g_strcanon(clean, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ",._+-", '-');
    return clean;
}

/* The specification has its own idea of these. */
static bool is_reserved(const char *name)
{
    static const char *const reserved[] = { "compatible", "device_type", "label", "model", "name", "reg", "status" };

    for (size_t i = 0; i < G_N_ELEMENTS(reserved); i++) {
        if (!strcmp(name, reserved[i])) {
            return true;
        }
    }
    return false;
}

/* As -device takes it. */
static char *value_text(const Json *value)
{
    bool on;

    if (json_get_bool(value, &on)) {
        return g_strdup(on ? "on" : "off");
    }
    return json_type(value) == JSON_STRING ? g_strdup(json_get_string(value)) : json_text(value, false);
}

static void dump_property(Dump *d, Object *obj, const ClassProperty *cp)
{
    g_autoptr(Json) value = object_property_get(obj, cp->prop->name, NULL);
    const char *why = NULL, *origin;
    g_autofree char *text = NULL, *clean = dt_name(cp->prop->name);
    g_autofree char *name = is_reserved(clean) ? g_strconcat("godwit,", clean, NULL) : g_strdup(clean);
    g_autoptr(GString) list = g_string_new(NULL);

    if (!value) {
        return;
    }
    origin = property_origin_name(object_property_origin(obj, cp->prop->name, &why));
    text = value_text(value);
    g_string_append_len(list, text, strlen(text) + 1);
    g_string_append_len(list, origin, strlen(origin) + 1);
    if (why) {
        g_string_append_len(list, why, strlen(why) + 1);
    }
    check(d, fdt_property(d->fdt, name, list->str, list->len));
}

static void dump_properties(Dump *d, Object *obj)
{
    const ObjectClass *klass = obj->klass;

    begin(d, "godwit,properties");
    for (unsigned i = 0; i < klass->num_props; i++) {
        if (!klass->props[i].absent && !g_str_has_prefix(klass->props[i].prop->name, "x-godwit-")) {
            dump_property(d, obj, &klass->props[i]);
        }
    }
    end(d);
}

static bool dump_object(Object *obj, void *opaque)
{
    Dump *d = opaque;
    bool device = object_dynamic_cast(obj, TYPE_DEVICE) != NULL;

    if (device || object_dynamic_cast(obj, TYPE_CONTAINER) || object_dynamic_cast(obj, TYPE_BUS)) {
        g_autofree char *name = dt_name(object_name(obj));

        begin(d, "%s", name);
        put_text(d, "godwit,type", object_type(obj));
        if (device) {
            dump_properties(d, obj);
        }
        object_foreach_child(obj, dump_object, d);
        end(d);
    }
    return true;
}

static void dump_all(Dump *d)
{
    const MachineState *m = &d->pc->parent_obj;
    const MachineClass *mc = MACHINE_GET_CLASS(m);

    check(d, fdt_finish_reservemap(d->fdt));
    begin(d, "%s", "");
    CELLS(d, "#address-cells", 2);
    CELLS(d, "#size-cells", 2);
    put_text(d, "compatible", m->dt_compatible && *m->dt_compatible ? m->dt_compatible : "godwit,q35");
    put_text(d, "model", mc->name);
    put_text(d, "godwit,release", release_name(release));
    CELLS(d, "interrupt-parent", IOAPIC_PHANDLE);
    begin(d, "chosen");
    if (m->append && *m->append) {
        put_text(d, "bootargs", m->append);
    }
    end(d);
    dump_cpus(d);
    dump_memory_piece(d, 0, d->pc->below_4g_size);
    dump_memory_piece(d, 4 * GiB, d->pc->above_4g_size);
    dump_map(d);
    dump_chips(d);
    dump_pci(d);
    begin(d, "godwit,devices");
    object_foreach_child(OBJECT(d->pc), dump_object, d);
    end(d);
    end(d);
    check(d, fdt_finish(d->fdt));
}

bool pc_dump_dtb(MachineState *m, const char *file, GError **error)
{
    Dump d = { .pc = PC_MACHINE(m) };

    for (size_t size = FDT_SIZE_FIRST; size <= FDT_SIZE_MAX; size *= 2) {
        g_autofree void *fdt = g_malloc(size);

        d.fdt = fdt;
        d.status = fdt_create_with_flags(fdt, size, FDT_CREATE_FLAG_NO_NAME_DEDUP);
        dump_all(&d);
        if (d.status != -FDT_ERR_NOSPACE) {
            if (d.status) {
                return error_setf(error, "can't make the device tree: %s", fdt_strerror(d.status));
            }
            return file_write(file, fdt, fdt_totalsize(fdt), error);
        }
    }
    return error_setf(error, "the device tree is too large");
}
