/* The q35 board and its machine versions. */
#include <string.h>

#include "hw/i2c/smbus-ich9.h"
#include "hw/i2c/smbus.h"
#include "hw/i386/boot.h"
#include "hw/ide/ahci.h"
#include "target/i386/cpu.h"
#include "util/error.h"
#include "util/units.h"

#define SPD_ADDRESS 0x50
#define SPD_EEPROMS 8

/* The board. */
static bool init_cpus(PCMachineState *pc, GError **error)
{
    MachineState *m = &pc->parent_obj;

    if (m->smp.max_cpus > X86_APIC_CPUS_MAX) {
        return error_setf(error, "current -smp configuration requires kernel irqchip and X2APIC API support.");
    }
    x86_cpu_set_created_hook(pc_cpu_created);
    return x86_cpus_create(m, error);
}

static bool init_host(PCMachineState *pc, GError **error)
{
    DeviceState *dev = device_new(TYPE_Q35_HOST_DEVICE);
    Q35PCIHost *host = Q35_HOST_DEVICE(dev);

    object_add_child(OBJECT(pc), "q35", OBJECT(dev));
    host->system = memory_system();
    host->io = memory_io();
    host->pci = &pc->pci;
    host->ram = pc->parent_obj.ram;
    host->below_4g_size = pc->below_4g_size;
    host->above_4g_size = pc->above_4g_size;
    host->bypass_iommu = pc->bypass_iommu;
    host->smm_ranges = pc_smm_enabled(pc);
    pc->host = host;
    return device_realize_and_unref(dev, bus_main_system(), error);
}

static bool init_lpc(PCMachineState *pc, GError **error)
{
    PCIBus *bus = PCI_HOST_BRIDGE(pc->host)->bus;
    DeviceState *dev = device_new(TYPE_ICH9_LPC_DEVICE);
    ICH9LPCState *lpc = ICH9_LPC_DEVICE(dev);

    lpc->parent_obj.devfn = PCI_DEVFN(ICH9_LPC_SLOT, 0);
    lpc->parent_obj.cap_present |= 1u << PCI_CAP_MULTIFUNCTION_BIT;
    lpc->system_memory = memory_system();
    lpc->io_space = memory_io();
    lpc->isa_irqs = pc->gsi;
    lpc->pm.smm_enabled = pc_smm_enabled(pc);
    lpc->pm.memhp_slots = pc->parent_obj.ram_slots;
    pc->lpc = lpc;
    pci_bus_irqs(bus, ich9_lpc_set_irq, ich9_lpc_map_irq, lpc, ICH9_PIRQS);
    if (!device_realize_and_unref(dev, &bus->parent_obj, error)) {
        return false;
    }
    for (int i = 0; i < ICH9_GSIS; i++) {
        device_connect_irq(dev, "gsi", i, pc->gsi[i]);
    }
    return true;
}

/* The SATA controller, and the drives of -hda, -cdrom and -drive if=ide. */
static bool init_sata(PCMachineState *pc, GError **error)
{
    PCIBus *bus = PCI_HOST_BRIDGE(pc->host)->bus;
    DeviceState *dev;

    if (!pc->sata) {
        return true;
    }
    dev = device_new(TYPE_ICH9_AHCI);
    PCI_DEVICE(dev)->devfn = PCI_DEVFN(ICH9_LPC_SLOT, 2);
    PCI_DEVICE(dev)->cap_present |= 1u << PCI_CAP_MULTIFUNCTION_BIT;
    if (!device_realize_and_unref(dev, &bus->parent_obj, error)) {
        return false;
    }
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        bool is_cdrom;
        const char *drive = drive_take_ide(i, &is_cdrom);

        if (drive && !ide_create_drive(ich9_ahci_bus(ICH9_AHCI(dev), i), is_cdrom ? TYPE_IDE_CD : TYPE_IDE_HD, drive,
                                       error)) {
            return false;
        }
    }
    return true;
}

/* The controller, and memory modules of which nothing is known. */
static bool init_smbus(PCMachineState *pc, GError **error)
{
    I2CBus *bus = pc->smbus ? ich9_smb_new(PCI_HOST_BRIDGE(pc->host)->bus, error) : NULL;

    for (unsigned i = 0; bus && i < SPD_EEPROMS; i++) {
        if (!smbus_eeprom_new(bus, SPD_ADDRESS + i, NULL, error)) {
            return false;
        }
    }
    return bus || !pc->smbus;
}

static bool q35_init(MachineState *m, GError **error)
{
    PCMachineState *pc = PC_MACHINE(m);

    if (m->ram_slots > ICH9_MEMHP_SLOTS_MAX) {
        return error_setf(error, "unsupported amount of memory slots: %" G_GUINT64_FORMAT, m->ram_slots);
    }
    if (pc->vmport == ON_OFF_AUTO_AUTO) {
        pc->vmport = ON_OFF_AUTO_ON;
    }
    if (!pc_memory_split(pc, error) || !init_cpus(pc, error)) {
        return false;
    }
    memory_region_init(&pc->pci, OBJECT(m), "pci", UINT64_MAX);
    memory_region_add_overlap(memory_system(), 0, &pc->pci, -1);
    pc_gsi_init(pc);
    if (!pc_memory_init(pc, error) || !init_host(pc, error) || !init_lpc(pc, error) || !pc_chips_init(pc, error) ||
        !init_sata(pc, error)) {
        return false;
    }
    return init_smbus(pc, error) && ich9_lpc_add_fw_cfg(pc->lpc, pc->fw_cfg, error) && pc_boot_init(pc, error);
}

static bool q35_done(MachineState *m, GError **error)
{
    PCMachineState *pc = PC_MACHINE(m);

    pc_cmos_init(pc);
    ich9_lpc_machine_done(pc->lpc);
    if (!pc_fw_cfg_done(pc, error) || (pc_acpi_enabled(pc) && !pc_acpi_setup(pc, error))) {
        return false;
    }
    pc_boot_arm(pc);
    return true;
}

/* The machine classes. */
static void x86_machine_class_init(ObjectClass *klass, const void *data)
{
    MachineClass *mc = MACHINE_CLASS(klass);

    mc->default_ram_id = "pc.ram";
    mc->default_cpu_type = "qemu64-x86_64-cpu";
    mc->has_acpi = true;
    mc->hotpluggable_cpus = true;
}

static void pc_machine_class_init(ObjectClass *klass, const void *data)
{
    pc_machine_class_add_props(klass);
}

typedef struct Q35Version {
    const char *type, *name, *alias;
    Release version;
} Q35Version;

#define Q35_VERSION(major, minor) \
    { "pc-q35-" #major "." #minor "-machine", "pc-q35-" #major "." #minor, "pc-" #major "." #minor, { major, minor } }

/* Oldest first. The last one that the release has is "q35". */
static const Q35Version q35_versions[] = {
    Q35_VERSION(5, 1), Q35_VERSION(5, 2), Q35_VERSION(6, 0), Q35_VERSION(6, 1), Q35_VERSION(6, 2), Q35_VERSION(7, 0),
    Q35_VERSION(7, 1), Q35_VERSION(7, 2), Q35_VERSION(8, 0), Q35_VERSION(8, 1), Q35_VERSION(8, 2),
};
static TypeInfo q35_types[G_N_ELEMENTS(q35_versions)];

static bool is_newest(const Q35Version *v)
{
    return v + 1 == q35_versions + G_N_ELEMENTS(q35_versions) || release_compare(v[1].version, release) > 0;
}

static void q35_class_init(ObjectClass *klass, const void *data)
{
    const Q35Version *v = data;
    MachineClass *mc = MACHINE_CLASS(klass);

    mc->name = v->name;
    mc->alias = is_newest(v) ? "q35" : NULL;
    mc->alias2 = v->alias;
    mc->is_default = is_newest(v);
    mc->desc = "Standard PC (Q35 + ICH9, 2009)";
    mc->family = "pc_q35";
    mc->version = v->version;
    mc->init = q35_init;
    mc->done = q35_done;
    mc->dump_dtb = pc_dump_dtb;
    mc->max_cpus = release_compare(v->version, RELEASE(8, 1)) < 0 ? 288 : 1024;
    mc->prefer_sockets = release_compare(v->version, RELEASE(6, 2)) < 0;
}

static const TypeInfo pc_types[] = {
    {
        .name = TYPE_X86_MACHINE, .parent = TYPE_MACHINE, .abstract = true, .size = sizeof(PCMachineState),
        .class_init = x86_machine_class_init,
    },
    { .name = TYPE_PC_MACHINE, .parent = TYPE_X86_MACHINE, .abstract = true, .class_init = pc_machine_class_init },
};
TYPES_REGISTER(pc_types)

/* A release has no machine type that is newer than itself. */
static void __attribute__((constructor)) q35_register_versions(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(q35_versions); i++) {
        if (release_compare(q35_versions[i].version, release) <= 0) {
            q35_types[i] = (TypeInfo){
                .name = q35_versions[i].type, .parent = TYPE_PC_MACHINE, .class_init = q35_class_init,
                .class_data = &q35_versions[i],
            };
            type_register(&q35_types[i]);
        }
    }
}
