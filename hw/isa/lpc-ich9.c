/* The LPC function of the ICH9. */
#include "hw/isa/lpc-ich9.h"

#include <string.h>

#include "hw/acpi/cpuhp.h"
#include "hw/acpi/ich9-tco.h"
#include "hw/acpi/pcihp.h"
#include "hw/core/machine.h"
#include "hw/dma/i8257.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/rtc/mc146818.h"
#include "system/runstate.h"
#include "target/i386/cpu.h"
#include "util/byteorder.h"
#include "util/error.h"
#include "util/trace.h"

/* Config space (13.1). */
enum {
    PMBASE = 0x40, PMBASE_ADDRESS = 0xff80, PMBASE_RTE = 1,
    ACPI_CTRL = 0x44, ACPI_CTRL_ACPI_EN = 0x80, ACPI_CTRL_SCI_IRQ_SEL = 0x07,
    PIRQA_ROUT = 0x60, PIRQE_ROUT = 0x68, PIRQ_ROUT_IRQEN = 0x80, PIRQ_ROUT_IRQ = 0x0f,
    LPC_EN = 0x82, LPC_EN_COMA = 0x01, LPC_EN_COMB = 0x02, LPC_EN_LPT = 0x04, LPC_EN_FDD = 0x08,
    RCBA = 0xf0, RCBA_ADDRESS = 0xffffc000, RCBA_EN = 1,
};

/* Chip configuration (10.1): which PIRQ each pin of a slot is, a nibble a pin. */
enum {
    CC_D31IR = 0x3140, CC_D29IR = 0x3144, CC_D28IR = 0x3146, CC_D27IR = 0x3148, CC_D26IR = 0x314c, CC_D25IR = 0x3150,
    CC_DIR_DEFAULT = 0x3210, CC_GCS = 0x3410,
};
static const struct {
    uint8_t slot;
    uint16_t reg;
} slot_routes[] = {
    { 31, CC_D31IR }, { 29, CC_D29IR }, { 28, CC_D28IR }, { 27, CC_D27IR }, { 26, CC_D26IR }, { 25, CC_D25IR },
};

#define APM_CNT_PORT 0xb2
#define RST_CNT_PORT 0xcf9
#define RST_CNT_FULL_RST 0x08
#define RST_CNT_RST_CPU 0x04
#define RST_CNT_SYS_RST 0x02

enum { SMI_FEATURE_BROADCAST_BIT, SMI_FEATURE_CPU_HOTPLUG_BIT, SMI_FEATURE_CPU_HOTUNPLUG_BIT };
enum { ACPI_ENABLE_CMD = 2, ACPI_DISABLE_CMD = 3 };

/* Interrupts. A PIRQ reaches its GSI above 15, and the 8259 line that its route register names. */
static uint8_t pirq_route(const ICH9LPCState *lpc, int pirq)
{
    return lpc->parent_obj.config[(pirq < 4 ? PIRQA_ROUT : PIRQE_ROUT - 4) + pirq];
}

/* A route of 0 to 2, 8 or 13 is reserved. */
#define PIRQ_ISA_LINES 0xdef8u

static bool pirq_leads_to(uint8_t route, unsigned irq)
{
    return !(route & PIRQ_ROUT_IRQEN) && (route & PIRQ_ROUT_IRQ) == irq && (PIRQ_ISA_LINES & (1u << irq));
}

static unsigned sci_gsi(const ICH9LPCState *lpc)
{
    static const uint8_t gsi[8] = { 9, 10, 11, 9, 20, 21, 9, 9 };   /* 3, 6 and 7 are reserved */

    return gsi[lpc->parent_obj.config[ACPI_CTRL] & ACPI_CTRL_SCI_IRQ_SEL];
}

static void update_isa_line(ICH9LPCState *lpc, unsigned irq)
{
    PCIBus *bus = pci_device_bus(&lpc->parent_obj);
    int level = irq == sci_gsi(lpc) && lpc->sci_level;

    for (int pirq = 0; !level && pirq < ICH9_PIRQS; pirq++) {
        level = pirq_leads_to(pirq_route(lpc, pirq), irq) && pci_bus_get_irq_level(bus, pirq);
    }
    irq_set(lpc->gsi[irq], level);
}

static void update_apic_line(ICH9LPCState *lpc, unsigned gsi)
{
    PCIBus *bus = pci_device_bus(&lpc->parent_obj);

    irq_set(lpc->gsi[gsi], pci_bus_get_irq_level(bus, gsi - 16) || (gsi == sci_gsi(lpc) && lpc->sci_level));
}

void ich9_lpc_set_irq(void *opaque, int pirq, int level)
{
    ICH9LPCState *lpc = opaque;
    uint8_t route = pirq_route(lpc, pirq);

    update_apic_line(lpc, 16 + pirq);
    if (pirq_leads_to(route, route & PIRQ_ROUT_IRQ)) {
        update_isa_line(lpc, route & PIRQ_ROUT_IRQ);
    }
}

int ich9_lpc_map_irq(PCIDevice *dev, int pin)
{
    PCIBus *bus = pci_device_bus(dev);
    const ICH9LPCState *lpc = bus->irq_opaque;

    return lpc->pirq_of[PCI_SLOT(dev->devfn)][pin];
}

static void set_sci(void *opaque, int level)
{
    ICH9LPCState *lpc = opaque;
    unsigned gsi = sci_gsi(lpc);

    if (lpc->sci_level == (uint32_t)level) {
        return;
    }
    lpc->sci_level = level;
    if (gsi < 16) {
        update_isa_line(lpc, gsi);
    } else {
        update_apic_line(lpc, gsi);
    }
}

/* All lines as they are now: after the routes changed. */
static void update_all_lines(ICH9LPCState *lpc)
{
    for (unsigned irq = 0; irq < 16; irq++) {
        if (PIRQ_ISA_LINES & (1u << irq)) {
            update_isa_line(lpc, irq);
        }
    }
    for (unsigned gsi = 16; gsi < ICH9_GSIS; gsi++) {
        update_apic_line(lpc, gsi);
    }
}

/* Slots below 25 and slot 30 use PIRQE to PIRQH, rotated by the slot (30: not at all); the others, as firmware says. */
static void update_slot_routes(ICH9LPCState *lpc)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned pin = 0; pin < PCI_NUM_PINS; pin++) {
            lpc->pirq_of[slot][pin] = 4 + ((slot == 30 ? 0 : slot) + pin) % 4;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(slot_routes); i++) {
        uint16_t route = pci_get_word(lpc->chip_config + slot_routes[i].reg);

        for (unsigned pin = 0; pin < PCI_NUM_PINS; pin++) {
            lpc->pirq_of[slot_routes[i].slot][pin] = (route >> (4 * pin)) & 7;
        }
    }
}

/* What config space places. */
static void update_pmbase(ICH9LPCState *lpc)
{
    const uint8_t *config = lpc->parent_obj.config;
    bool enabled = config[ACPI_CTRL] & ACPI_CTRL_ACPI_EN;

    ich9_pm_set_base(&lpc->pm, lpc->io_space, enabled ? pci_get_long(config + PMBASE) & PMBASE_ADDRESS : 0);
}

static void update_rcba(ICH9LPCState *lpc)
{
    uint32_t rcba = pci_get_long(lpc->parent_obj.config + RCBA);

    memory_transaction_begin();
    memory_region_set_enabled(&lpc->rcrb, rcba & RCBA_EN);
    memory_region_set_address(&lpc->rcrb, rcba & RCBA_ADDRESS);
    memory_transaction_commit();
}

static void lpc_config_write(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    ICH9LPCState *lpc = ICH9_LPC_DEVICE(dev);

    pci_config_write(dev, addr, value, len);
    if (pci_ranges_overlap(addr, len, PMBASE, 4) || pci_ranges_overlap(addr, len, ACPI_CTRL, 1)) {
        update_pmbase(lpc);
        update_all_lines(lpc);      /* the SCI may have moved */
    }
    if (pci_ranges_overlap(addr, len, PIRQA_ROUT, 4) || pci_ranges_overlap(addr, len, PIRQE_ROUT, 4)) {
        update_all_lines(lpc);
    }
    if (pci_ranges_overlap(addr, len, RCBA, 4)) {
        update_rcba(lpc);
    }
}

/* The root complex's registers. */
static uint64_t rcrb_read(void *opaque, hwaddr offset, unsigned size)
{
    ICH9LPCState *lpc = opaque;
    uint32_t value = 0;

    memcpy(&value, lpc->chip_config + offset, size);
    return GUINT32_FROM_LE(value);
}

static void rcrb_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ICH9LPCState *lpc = opaque;
    uint32_t little = GUINT32_TO_LE((uint32_t)value);

    memcpy(lpc->chip_config + offset, &little, size);
    if (pci_ranges_overlap(offset, size, CC_D31IR, CC_D25IR + 2 - CC_D31IR)) {
        update_slot_routes(lpc);
        pci_bus_refresh_irqs(pci_device_bus(&lpc->parent_obj));
    }
}

static const MemoryRegionOps rcrb_ops = { .read = rcrb_read, .write = rcrb_write, .valid = { 1, 4 } };

/* Port 0xcf9. */
static uint64_t rst_cnt_read(void *opaque, hwaddr offset, unsigned size)
{
    return ((ICH9LPCState *)opaque)->rst_cnt;
}

static void rst_cnt_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ICH9LPCState *lpc = opaque;

    if (value & RST_CNT_RST_CPU) {
        system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        return;
    }
    lpc->rst_cnt = value & (RST_CNT_FULL_RST | RST_CNT_SYS_RST);
}

static const MemoryRegionOps rst_cnt_ops = { .read = rst_cnt_read, .write = rst_cnt_write, .valid = { 1, 1 } };

/* Ports 0xb2 and 0xb3: firmware's and ACPI's commands. */
static uint64_t apm_read(void *opaque, hwaddr offset, unsigned size)
{
    ICH9LPCState *lpc = opaque;

    return offset ? lpc->apm.apms : lpc->apm.apmc;
}

/* To the CPU that wrote, or to all if firmware asked for that. */
static void raise_smi(const ICH9LPCState *lpc)
{
    bool broadcast = lpc->smi_negotiated_features >> SMI_FEATURE_BROADCAST_BIT & 1;

    for (unsigned i = 0; i < x86_cpu_count(); i++) {
        X86CPU *cpu = x86_cpu_by_index(i);

        if (broadcast || cpu == x86_cpu_current()) {
            x86_cpu_interrupt(cpu, CPU_INTERRUPT_SMI);
        }
    }
}

static void apm_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ICH9LPCState *lpc = opaque;

    if (offset) {
        lpc->apm.apms = value;
        return;
    }
    lpc->apm.apmc = value;
    trace(ich9_apm_command, "command %#x", (unsigned)value);
    if (value == ACPI_ENABLE_CMD || value == ACPI_DISABLE_CMD) {
        ich9_pm_set_acpi_enabled(&lpc->pm, value == ACPI_ENABLE_CMD);
    }
    if (lpc->pm.smi_en & ICH9_SMI_EN_APMC_EN) {
        raise_smi(lpc);
    }
}

static const MemoryRegionOps apm_ops = { .read = apm_read, .write = apm_write, .valid = { 1, 1 } };

void ich9_lpc_machine_done(ICH9LPCState *lpc)
{
    static const struct {
        uint16_t port;
        uint8_t enable;
    } decoded[] = {
        { 0x3f8, LPC_EN_COMA }, { 0x2f8, LPC_EN_COMB }, { 0x378, LPC_EN_LPT }, { 0x3f2, LPC_EN_FDD },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(decoded); i++) {
        const MemoryRegion *mr = address_space_lookup(&address_space_io, decoded[i].port).mr;

        if (mr && mr != lpc->io_space) {
            lpc->parent_obj.config[LPC_EN] |= decoded[i].enable;
        }
    }
}

static void power_button(void *opaque)
{
    ich9_pm_power_button(&((ICH9LPCState *)opaque)->pm);
}

static void sleeps(void *opaque, SleepPhase phase, WakeupReason reason)
{
    if (phase == SLEEP_ENDS) {
        ich9_pm_woken(&((ICH9LPCState *)opaque)->pm, reason);
    }
}

/* Life. */
static bool lpc_realize(PCIDevice *dev, GError **error)
{
    ICH9LPCState *lpc = ICH9_LPC_DEVICE(dev);
    Object *owner = &dev->parent_obj.parent_obj;

    if (!lpc->system_memory || !lpc->io_space) {
        return error_setf(error, "ICH9-LPC is a part of the q35 machine and can't be added to another");
    }
    pci_set_long(dev->wmask + PMBASE, PMBASE_ADDRESS | 0x7);
    pci_set_long(dev->config + PMBASE, PMBASE_RTE);
    lpc->pm.gcs = lpc->chip_config + CC_GCS;
    ich9_pm_init(&lpc->pm, owner, lpc->io_space, set_sci, lpc);
    memory_region_init_io(&lpc->rcrb, owner, &rcrb_ops, lpc, "lpc-rcrb-mmio", ICH9_CC_SIZE);
    memory_region_set_enabled(&lpc->rcrb, false);
    memory_region_add_overlap(lpc->system_memory, 0, &lpc->rcrb, 1);
    memory_region_init_io(&lpc->rst_cnt_io, owner, &rst_cnt_ops, lpc, "lpc-reset-control", 1);
    memory_region_add_overlap(lpc->io_space, RST_CNT_PORT, &lpc->rst_cnt_io, 1);
    memory_region_init_io(&lpc->apm_io, owner, &apm_ops, lpc, "apm-io", 2);
    memory_region_add(lpc->io_space, APM_CNT_PORT, &lpc->apm_io);
    powerdown_set_handler(power_button, lpc);
    sleep_add_handler(sleeps, lpc);
    lpc->isa_bus = isa_bus_new(DEVICE(dev), lpc->system_memory, lpc->io_space);
    isa_bus_set_irqs(lpc->isa_bus, lpc->isa_irqs);
    if (lpc->dma_in_bridge) {
        i8257_new_pair(lpc->isa_bus);
    }
    if (lpc->rtc_in_bridge) {
        lpc->rtc = rtc_new(lpc->isa_bus, 0, NULL);
    }
    ich9_cpuhp_init(&lpc->pm, owner, lpc->io_space, current_machine ? current_machine->smp.max_cpus : 1);
    if (lpc->pm.pcihp_bridge) {
        ich9_pcihp_init(&lpc->pm, owner, lpc->io_space, pci_device_bus(dev));
    }
    return true;
}

static void lpc_exit(PCIDevice *dev)
{
    ICH9LPCState *lpc = ICH9_LPC_DEVICE(dev);

    powerdown_set_handler(NULL, NULL);
    sleep_remove_handler(lpc);
    ich9_pcihp_finalize(&lpc->pm, lpc->io_space);
    ich9_cpuhp_finalize(&lpc->pm, lpc->io_space);
    memory_region_del(lpc->system_memory, &lpc->rcrb);
    memory_region_del(lpc->io_space, &lpc->rst_cnt_io);
    memory_region_del(lpc->io_space, &lpc->apm_io);
    memory_region_destroy(&lpc->rcrb);
    memory_region_destroy(&lpc->rst_cnt_io);
    memory_region_destroy(&lpc->apm_io);
    ich9_pm_finalize(&lpc->pm);
}

static void reset_chip_config(ICH9LPCState *lpc)
{
    memset(lpc->chip_config, 0, sizeof(lpc->chip_config));
    for (size_t i = 0; i < G_N_ELEMENTS(slot_routes); i++) {
        pci_set_word(lpc->chip_config + slot_routes[i].reg, CC_DIR_DEFAULT);
    }
    pci_set_long(lpc->chip_config + CC_GCS, ICH9_GCS_NO_REBOOT);
}

static void lpc_reset_enter(DeviceState *dev)
{
    ICH9LPCState *lpc = ICH9_LPC_DEVICE(dev);
    uint8_t *config = lpc->parent_obj.config;

    for (int i = 0; i < 4; i++) {
        config[PIRQA_ROUT + i] = config[PIRQE_ROUT + i] = PIRQ_ROUT_IRQEN;
    }
    pci_set_long(config + PMBASE, PMBASE_RTE);
    config[ACPI_CTRL] = 0;
    pci_set_long(config + RCBA, 0);
    reset_chip_config(lpc);
    lpc->rst_cnt = 0;
    memset(lpc->smi_guest_features_le, 0, sizeof(lpc->smi_guest_features_le));
    lpc->smi_features_ok = 0;
    lpc->smi_negotiated_features = 0;
}

static void lpc_reset_hold(DeviceState *dev)
{
    ICH9LPCState *lpc = ICH9_LPC_DEVICE(dev);

    update_slot_routes(lpc);
    update_pmbase(lpc);
    update_rcba(lpc);
    ich9_pm_reset(&lpc->pm);
    update_all_lines(lpc);
}

/* Migration. */
static bool lpc_post_load(void *opaque, int version_id, GError **error)
{
    ICH9LPCState *lpc = opaque;

    update_slot_routes(lpc);
    update_pmbase(lpc);
    update_rcba(lpc);
    return true;
}

static const VMStateDescription vmstate_apm = {
    .name = "APM State", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_U8(ICH9APM, apmc), VMS_U8(ICH9APM, apms)),
};

static bool rst_cnt_needed(void *opaque)
{
    return ((ICH9LPCState *)opaque)->rst_cnt != 0;
}

static const VMStateDescription vmstate_rst_cnt = {
    .name = "ICH9LPC/rst_cnt", .version_id = 1, .minimum_version_id = 1, .needed = rst_cnt_needed,
    .fields = VMS_FIELDS(VMS_U8(ICH9LPCState, rst_cnt)),
};

static bool smi_feat_needed(void *opaque)
{
    const ICH9LPCState *lpc = opaque;
    static const uint8_t none[8];

    return memcmp(lpc->smi_guest_features_le, none, 8) || lpc->smi_features_ok || lpc->smi_negotiated_features;
}

static const VMStateDescription vmstate_smi_feat = {
    .name = "ICH9LPC/smi_feat", .version_id = 1, .minimum_version_id = 1, .needed = smi_feat_needed,
    .fields = VMS_FIELDS(
        VMS_U8_ARRAY(ICH9LPCState, smi_guest_features_le),
        VMS_U8(ICH9LPCState, smi_features_ok),
        VMS_U64(ICH9LPCState, smi_negotiated_features)),
};

static const VMStateDescription vmstate_lpc = {
    .name = "ICH9LPC", .version_id = 1, .minimum_version_id = 1, .post_load = lpc_post_load,
    .fields = VMS_FIELDS(
        VMS_PCI_DEVICE(ICH9LPCState, parent_obj, .name = "d"),
        VMS_STRUCT(ICH9LPCState, apm, vmstate_apm),
        VMS_STRUCT(ICH9LPCState, pm, vmstate_ich9_pm),
        VMS_U8_ARRAY(ICH9LPCState, chip_config),
        VMS_U32(ICH9LPCState, sci_level)),
    .subsections = VMS_SUBSECTIONS(&vmstate_rst_cnt, &vmstate_smi_feat),
};

/* Properties. Some only tell: what ACPI tables are made from. */
#define TELLS(ident, shown, expression)                                                     \
    static Json *ident##_get(Object *obj, const Property *prop, GError **error)             \
    {                                                                                       \
        ICH9LPCState *lpc G_GNUC_UNUSED = ICH9_LPC_DEVICE(obj);                             \
        return json_new_uint(expression);                                                   \
    }                                                                                       \
    static const PropertyKind ident = { .name = shown, .get = ident##_get }
TELLS(tells_acpi_enable, "uint8", ACPI_ENABLE_CMD);
TELLS(tells_acpi_disable, "uint8", ACPI_DISABLE_CMD);
TELLS(tells_gpe0_blk, "uint32", lpc->pm.pm_io_base + 0x20);
TELLS(tells_gpe0_len, "uint32", ICH9_GPE_LEN);
TELLS(tells_pm_base, "uint32", lpc->pm.pm_io_base);
TELLS(tells_sci, "uint8", sci_gsi(lpc));
TELLS(tells_negotiated, "uint64", lpc->smi_negotiated_features);

static Json *memhp_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_bool(true);
}
static const PropertyKind tells_memhp = { .name = "bool", .get = memhp_get };

#define PM_BOOL(n, f, d, ...) DEFINE_PROP_BOOL(n, ICH9LPCState, pm.f, d, ##__VA_ARGS__)
#define PM_U8(n, f, d, ...) DEFINE_PROP_UINT8(n, ICH9LPCState, pm.f, d, ##__VA_ARGS__)
#define SMI_BIT(n, b, d) DEFINE_PROP_BIT64(n, ICH9LPCState, smi_host_features, b, d)
#define TELL(n, k) { .name = n, .kind = &(k), .no_default = true, .attribute = true }

static const Property lpc_props[] = {
    PM_BOOL("noreboot", no_reboot_strap, false),
    PM_BOOL("smm-compat", smm_compat, false),
    PM_BOOL("smm-enabled", smm_enabled, false),
    SMI_BIT("x-smi-broadcast", SMI_FEATURE_BROADCAST_BIT, true),
    SMI_BIT("x-smi-cpu-hotplug", SMI_FEATURE_CPU_HOTPLUG_BIT, true),
    SMI_BIT("x-smi-cpu-hotunplug", SMI_FEATURE_CPU_HOTUNPLUG_BIT, true),
    PM_BOOL("acpi-pci-hotplug-with-bridge-support", pcihp_bridge, true, .attribute = true),
    PM_BOOL("x-keep-pci-slot-hpc", keep_pci_slot_hpc, true, .attribute = true),
    PM_BOOL("cpu-hotplug-legacy", cpu_hotplug_legacy, true, .attribute = true),
    PM_BOOL("enable_tco", enable_tco, true, .attribute = true),
    PM_U8("disable_s3", disable_s3, 0, .attribute = true),
    PM_U8("disable_s4", disable_s4, 0, .attribute = true),
    PM_U8("s4_val", s4_val, 2, .attribute = true),
    DEFINE_PROP_BOOL("x-godwit-dma-in-bridge", ICH9LPCState, dma_in_bridge, true, .hidden = true),
    DEFINE_PROP_BOOL("x-godwit-rtc-in-bridge", ICH9LPCState, rtc_in_bridge, true, .hidden = true),
    TELL("memory-hotplug-support", tells_memhp),
    TELL("acpi_enable_cmd", tells_acpi_enable),
    TELL("acpi_disable_cmd", tells_acpi_disable),
    TELL("gpe0_blk", tells_gpe0_blk),
    TELL("gpe0_blk_len", tells_gpe0_len),
    TELL("pm_io_base", tells_pm_base),
    TELL("sci_int", tells_sci),
    TELL("x-smi-negotiated-features", tells_negotiated),
};

static void lpc_init(Object *obj)
{
    ICH9LPCState *lpc = ICH9_LPC_DEVICE(obj);

    device_init_irq_out(DEVICE(obj), lpc->gsi, "gsi", ICH9_GSIS);
    update_slot_routes(lpc);
}

/*
 * What firmware may ask of SMIs: it reads what is offered, writes what it wants, and reads whether that was agreed to,
 * which holds until the next reset.
 */
static void smi_features_selected(void *opaque)
{
    ICH9LPCState *lpc = opaque;
    uint64_t wanted = load_le64(lpc->smi_guest_features_le);
    uint64_t need_broadcast = 1u << SMI_FEATURE_CPU_HOTPLUG_BIT | 1u << SMI_FEATURE_CPU_HOTUNPLUG_BIT;

    if (lpc->smi_features_ok || wanted & ~lpc->smi_host_features ||
        (wanted & need_broadcast && !(wanted & 1u << SMI_FEATURE_BROADCAST_BIT))) {
        return;
    }
    lpc->smi_negotiated_features = wanted;
    lpc->smi_features_ok = 1;
}

bool ich9_lpc_add_fw_cfg(ICH9LPCState *lpc, FWCfgState *fw_cfg, GError **error)
{
    FWCfgItem supported = { .data = lpc->smi_host_features_le, .data_length = 8, .length = 8 };
    FWCfgItem requested = { .data = lpc->smi_guest_features_le, .data_length = 8, .length = 8, .writable = true };
    FWCfgItem ok = { .data = &lpc->smi_features_ok, .data_length = 1, .length = 1, .selected = smi_features_selected,
                     .opaque = lpc };

    store_le64(lpc->smi_host_features_le, lpc->smi_host_features);
    return fw_cfg_add_file(fw_cfg, "etc/smi/supported-features", supported, error) &&
           fw_cfg_add_file(fw_cfg, "etc/smi/requested-features", requested, error) &&
           fw_cfg_add_file(fw_cfg, "etc/smi/features-ok", ok, error);
}

/* Hot plug by ACPI. */
static bool can_hotplug(Object *handler, BusState *bus)
{
    return ich9_pcihp_can_hotplug(bus);
}

static bool pre_plug(Object *handler, DeviceState *dev, GError **error)
{
    return ich9_pcihp_pre_plug(&ICH9_LPC_DEVICE(handler)->pm, dev, error);
}

static bool plug(Object *handler, DeviceState *dev, GError **error)
{
    return ich9_pcihp_plug(&ICH9_LPC_DEVICE(handler)->pm, handler, dev, error);
}

static bool unplug_request(Object *handler, DeviceState *dev, GError **error)
{
    return ich9_pcihp_unplug_request(&ICH9_LPC_DEVICE(handler)->pm, dev, error);
}

static void lpc_class_init(ObjectClass *klass, const void *data)
{
    HotplugHandlerClass *hotplug = object_class_dynamic_cast(klass, TYPE_HOTPLUG_HANDLER);
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = lpc_realize;
    pc->exit = lpc_exit;
    pc->config_write = lpc_config_write;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = 0x2918;
    pc->revision = 2;
    pc->class_id = PCI_CLASS_BRIDGE_ISA;
    dc->reset.enter = lpc_reset_enter;
    dc->reset.hold = lpc_reset_hold;
    dc->vmsd = &vmstate_lpc;
    dc->categories = 1u << DEVICE_CATEGORY_BRIDGE;
    dc->user_creatable = false;
    dc->hotpluggable = false;
    hotplug->can_hotplug = can_hotplug;
    hotplug->pre_plug = pre_plug;
    hotplug->plug = plug;
    hotplug->unplug_request = unplug_request;
    klass->description = "ICH9 LPC bridge";
    object_class_add_props(klass, lpc_props, G_N_ELEMENTS(lpc_props));
}

static const TypeInfo lpc_type = {
    .name = TYPE_ICH9_LPC_DEVICE, .parent = TYPE_PCI_DEVICE, .size = sizeof(ICH9LPCState), .init = lpc_init,
    .class_init = lpc_class_init,
    .interfaces = (const char *const[]){ INTERFACE_CONVENTIONAL_PCI, TYPE_HOTPLUG_HANDLER, NULL },
};
TYPE_REGISTER(lpc_type)
