/* The ACPI tables of the q35 board: ACPI 3.0, chapter 5, and for the DSDT hw/i386/acpi/dsdt.asl. */
#include <string.h>

#include "hw/char/serial-isa.h"
#include "hw/i386/acpi-build.h"
#include "hw/intc/ioapic.h"
#include "hw/pci/pcie_port.h"
#include "hw/timer/hpet.h"
#include "util/byteorder.h"
#include "util/units.h"

static const
#include "hw/i386/acpi/dsdt.hex"
static const
#include "hw/i386/acpi/ssdt_cpu.hex"
static const
#include "hw/i386/acpi/ssdt_port.hex"

enum { HEADER_SIZE = 36, AT_LENGTH = 4, AT_CHECKSUM = 9, AT_OEM_ID = 10, AT_OEM_TABLE_ID = 16, FACS_SIZE = 64 };
enum { SCI_GSI = 9, SMI_COMMAND_PORT = 0xb2, SMI_ACPI_ENABLE = 2, SMI_ACPI_DISABLE = 3, PM_BASE = 0x600 };
enum { LOADER_ZONE_HIGH = 1, LOADER_ZONE_FSEG = 2 };
enum { MCH_PCIEXBAR = 0x60 };

/* --- files --- */

/* Room for so many zero bytes; NULL: there is none. */
static uint8_t *take(AcpiFile *file, uint32_t count)
{
    uint8_t *at = file->data + file->length;

    if (file->overflow || count > file->size - file->length) {
        file->overflow = true;
        return NULL;
    }
    memset(at, 0, count);
    file->length += count;
    return at;
}

static void put(AcpiFile *file, const void *data, uint32_t count)
{
    uint8_t *at = take(file, count);

    if (at) {
        memcpy(at, data, count);
    }
}

static void put_number(AcpiFile *file, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    store_le64(bytes, value);
    put(file, bytes, size);
}
#define U8(file, value) put_number(file, value, 1)
#define U16(file, value) put_number(file, value, 2)
#define U32(file, value) put_number(file, value, 4)
#define U64(file, value) put_number(file, value, 8)

/* ACPI's Generic Address Structure, of a register in port space. */
static void put_port_address(AcpiFile *file, uint16_t port, uint8_t bits)
{
    U8(file, 1);
    U8(file, bits);
    U16(file, 0);
    U64(file, port);
}

/* --- the loader's commands --- */

static uint8_t *command(AcpiBuild *b, uint32_t number, const char *file)
{
    uint8_t *at = take(&b->loader, ACPI_LOADER_ENTRY);

    if (at) {
        store_le32(at, number);
        strcpy((char *)at + 4, file);
    }
    return at;
}

static void command_allocate(AcpiBuild *b, const char *file, uint32_t align, uint8_t zone)
{
    uint8_t *at = command(b, ACPI_LOADER_ALLOCATE, file);

    if (at) {
        store_le32(at + 60, align);
        at[64] = zone;
    }
}

/* The `size` bytes at the offset of dest are an offset in the tables' file, and become an address. */
static void command_pointer(AcpiBuild *b, const char *dest, uint32_t offset, uint8_t size)
{
    uint8_t *at = command(b, ACPI_LOADER_ADD_POINTER, dest);

    if (at) {
        strcpy((char *)at + 60, ACPI_FILE_TABLES);
        store_le32(at + 116, offset);
        at[120] = size;
    }
}

static void command_checksum(AcpiBuild *b, const char *file, uint32_t offset, uint32_t start, uint32_t length)
{
    uint8_t *at = command(b, ACPI_LOADER_ADD_CHECKSUM, file);

    if (at) {
        store_le32(at + 60, offset);
        store_le32(at + 64, start);
        store_le32(at + 68, length);
    }
}

static void put_pointer(AcpiBuild *b, uint32_t to, uint8_t size)
{
    uint32_t offset = b->tables.length;

    put_number(&b->tables, to, size);
    command_pointer(b, ACPI_FILE_TABLES, offset, size);
}

/* --- tables in general --- */

static uint32_t begin(AcpiBuild *b, const char *signature, uint8_t revision)
{
    uint32_t start = b->tables.length;
    uint8_t *at = take(&b->tables, HEADER_SIZE);

    if (at) {
        memcpy(at, signature, 4);
        at[8] = revision;
    }
    return start;
}

/* Space-padded, as texts in tables are; a text that the user made longer was refused. */
static void set_text(uint8_t *at, const char *text, size_t size)
{
    size_t length = strlen(text);

    memset(at, ' ', size);
    memcpy(at, text, MIN(length, size));
}

static void end(const PCMachineState *pc, AcpiBuild *b, uint32_t start)
{
    uint8_t *at = b->tables.data + start;

    if (b->tables.overflow) {
        return;
    }
    store_le32(at + AT_LENGTH, b->tables.length - start);
    set_text(at + AT_OEM_ID, pc->oem_id ? pc->oem_id : "BOCHS ", 6);
    set_text(at + AT_OEM_TABLE_ID, pc->oem_table_id ? pc->oem_table_id : "BXPC    ", 8);
    store_le32(at + 24, 1);
    memcpy(at + 28, "GDWT", 4);
    store_le32(at + 32, 1);
    at[AT_CHECKSUM] = 0;
    command_checksum(b, ACPI_FILE_TABLES, start + AT_CHECKSUM, start, b->tables.length - start);
}

/* --- compiled tables, and what is changed in them --- */

/* The place of `pattern` in the table's last `length` bytes; it is there, since we wrote the source. */
static uint8_t *find(AcpiFile *file, uint32_t length, const void *pattern, size_t size)
{
    uint8_t *at = memmem(file->data + file->length - length, length, pattern, size);

    g_assert(at);
    return at;
}

/* Name (NAME, <a constant of 32 bits>): NameOp, the name, the constant's prefix, its bytes. */
static void set_name(AcpiFile *file, uint32_t length, const char *name, uint32_t value)
{
    uint8_t pattern[6] = { 0x08, name[0], name[1], name[2], name[3], 0x0c };

    if (!file->overflow) {
        store_le32(find(file, length, pattern, sizeof(pattern)) + sizeof(pattern), value);
    }
}

static void rename_object(AcpiFile *file, uint32_t length, const char *from, const char *to)
{
    if (!file->overflow) {
        memcpy(find(file, length, from, 4), to, 4);
    }
}

/* --- DSDT --- */

static uint32_t serial_ports(const PCMachineState *pc)
{
    static const uint16_t ports[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
    const GPtrArray *devices = pc->lpc->isa_bus->parent_obj.children;
    uint32_t found = 0;

    for (guint i = 0; i < devices->len; i++) {
        for (unsigned n = 0; n < 4; n++) {
            if (object_dynamic_cast(devices->pdata[i], TYPE_ISA_SERIAL) &&
                ISA_DEVICE(devices->pdata[i])->ioport == ports[n]) {
                found |= 1u << n;
            }
        }
    }
    return found;
}

static bool has_keyboard(const PCMachineState *pc)
{
    const GPtrArray *devices = pc->lpc->isa_bus->parent_obj.children;

    for (guint i = 0; i < devices->len; i++) {
        if (!strcmp(object_type(devices->pdata[i]), "i8042")) {
            return true;
        }
    }
    return false;
}

/* The window that firmware gave the configuration space; length 0: none. */
static uint64_t ecam_window(const PCMachineState *pc, uint64_t *length)
{
    uint64_t bar = pci_get_quad(pc->host->mch->parent_obj.config + MCH_PCIEXBAR);

    *length = bar & 1 ? 256 * MiB >> (bar >> 1 & 3) : 0;
    return *length ? bar & ~(*length - 1) & 0xffffff0000000ull : 0;
}

/* Memory for PCI below 4 GiB is what RAM and the configuration window leave, up to the I/O APIC. */
static void set_pci_windows(const PCMachineState *pc, AcpiFile *file, uint32_t n)
{
    uint64_t ecam_length, ecam = ecam_window(pc, &ecam_length), low = pc->below_4g_size;
    uint64_t start64 = object_get_uint(OBJECT(pc->host), "pci-hole64-start");
    uint64_t end64 = object_get_uint(OBJECT(pc->host), "pci-hole64-end");
    bool splits = ecam_length && ecam >= low && ecam + ecam_length <= IOAPIC_ADDRESS;
    uint64_t first_end = splits ? ecam : IOAPIC_ADDRESS, second = splits ? ecam + ecam_length : 0;

    set_name(file, n, "ECAM", splits ? ecam : 0);
    set_name(file, n, "ECAL", splits ? ecam_length : 0);
    set_name(file, n, "MM1B", low);
    set_name(file, n, "MM1L", first_end > low ? first_end - low : 0);
    set_name(file, n, "MM2B", second);
    set_name(file, n, "MM2L", second ? IOAPIC_ADDRESS - second : 0);
    set_name(file, n, "MM3B", start64 / MiB);
    set_name(file, n, "MM3L", end64 > start64 ? (end64 + MiB - 1) / MiB - start64 / MiB : 0);
}

static void build_dsdt(PCMachineState *pc, AcpiBuild *b)
{
    const ICH9PMRegs *pm = &pc->lpc->pm;
    uint32_t start = b->tables.length, n = sizeof(dsdt_aml_code);

    put(&b->tables, dsdt_aml_code, n);
    /* Native hot plug, SHPC hot plug, PME, AER, and the capability's structure. */
    set_name(&b->tables, n, "PCTL", pm->pcihp_root ? 0x1e : 0x1f);
    set_pci_windows(pc, &b->tables, n);
    set_name(&b->tables, n, "COMS", serial_ports(pc));
    set_name(&b->tables, n, "KBDP", has_keyboard(pc));
    set_name(&b->tables, n, "HPTP", pc->hpet_dev != NULL);
    set_name(&b->tables, n, "HPPP", pm->pcihp_root != NULL);
    if (!b->tables.overflow) {
        static const uint8_t s4[] = { 0x12, 0x08, 0x04, 0x0a, 0x02, 0x0a, 0x02 };   /* Package (4) { 2, 2, … */
        uint8_t *at = find(&b->tables, n, s4, sizeof(s4));

        at[4] = at[6] = pm->s4_val;
    }
    if (pm->disable_s3) {
        rename_object(&b->tables, n, "_S3_", "XS3_");
    }
    if (pm->disable_s4) {
        rename_object(&b->tables, n, "_S4_", "XS4_");
    }
    end(pc, b, start);
}

/* --- SSDT: CPUs and hot-plug ports, each from its template --- */

static void put_template(AcpiFile *file, const uint8_t *table, uint32_t size)
{
    put(file, table + HEADER_SIZE, size - HEADER_SIZE);
}

static void put_cpus(const PCMachineState *pc, AcpiFile *file)
{
    uint32_t n = sizeof(ssdt_cpu_aml_code) - HEADER_SIZE;

    for (unsigned i = 0; i < pc->parent_obj.smp.max_cpus; i++) {
        char name[8];

        g_snprintf(name, sizeof(name), "C%03X", i);
        put_template(file, ssdt_cpu_aml_code, sizeof(ssdt_cpu_aml_code));
        rename_object(file, n, "CPUT", name);
        set_name(file, n, "_UID", i);
    }
}

/* AML's PkgLength for a package with so many bytes behind it, in two or three bytes. */
static void put_package_length(AcpiFile *file, uint32_t length)
{
    bool small = length + 2 < 0x1000;

    length += small ? 2 : 3;
    U8(file, (small ? 0x40 : 0x80) | (length & 0xf));
    U8(file, length >> 4);
    if (!small) {
        U8(file, length >> 12);
    }
}

/* A port's name in the namespace: of its place on the root bus. */
static void port_name(const PCIDevice *port, char name[8])
{
    g_snprintf(name, 8, "S%02X_", (unsigned)port->devfn);
}

static void put_port(AcpiFile *file, const PCIDevice *port, int bus_number)
{
    uint32_t n = sizeof(ssdt_port_aml_code) - HEADER_SIZE;
    char name[8];

    port_name(port, name);
    put_template(file, ssdt_port_aml_code, sizeof(ssdt_port_aml_code));
    rename_object(file, n, "PORT", name);
    set_name(file, n, "_ADR", (uint32_t)PCI_SLOT(port->devfn) << 16 | PCI_FUNC(port->devfn));
    set_name(file, n, "BSEL", bus_number);
    set_name(file, n, "_SUN", PCI_SLOT(port->devfn));
}

/* Method (\_GPE._E01) { \_SB.PCI0.Sxx.HPSC () … } */
static void put_event_method(AcpiFile *file, const GPtrArray *ports)
{
    static const uint8_t name[] = { 0x5c, 0x2e, '_', 'G', 'P', 'E', '_', 'E', '0', '1', 0x08 }; /* serialized */
    static const uint8_t prefix[] = { 0x5c, 0x2f, 0x04, '_', 'S', 'B', '_', 'P', 'C', 'I', '0' };

    U8(file, 0x14);
    put_package_length(file, sizeof(name) + ports->len * (sizeof(prefix) + 8));
    put(file, name, sizeof(name));
    for (guint i = 0; i < ports->len; i++) {
        char port[8];

        port_name(ports->pdata[i], port);
        put(file, prefix, sizeof(prefix));
        put(file, port, 4);
        put(file, "HPSC", 4);
    }
}

/* Those on the root bus whose bus has a number: deeper ones have no hot plug by ACPI. */
static void put_ports(const PCMachineState *pc, AcpiFile *file)
{
    PCIBus *root = pc->lpc->pm.pcihp_root;
    g_autoptr(GPtrArray) ports = g_ptr_array_new();

    for (guint i = 0; root && i < root->child->len; i++) {
        PCIBus *bus = root->child->pdata[i];

        if (bus->parent_dev && bus->acpi_number >= 0 && bus->acpi_number < ICH9_PCIHP_BUSES &&
            object_dynamic_cast(bus->parent_dev, TYPE_PCIE_SLOT)) {
            put_port(file, bus->parent_dev, bus->acpi_number);
            g_ptr_array_add(ports, bus->parent_dev);
        }
    }
    if (ports->len) {
        put_event_method(file, ports);
    }
}

static uint32_t build_ssdt(PCMachineState *pc, AcpiBuild *b)
{
    uint32_t start = begin(b, "SSDT", 2);

    put_cpus(pc, &b->tables);
    put_ports(pc, &b->tables);
    end(pc, b, start);
    return start;
}

/* --- the others --- */

enum { FADT_WBINVD = 1 << 0, FADT_PROC_C1 = 1 << 2, FADT_SLP_BUTTON = 1 << 5, FADT_RTC_S4 = 1 << 7,
       FADT_RESET_REG_SUP = 1 << 10, FADT_USE_PLATFORM_CLOCK = 1 << 15, BOOT_ARCH_8042 = 1 << 1 };

static uint32_t build_fadt(PCMachineState *pc, AcpiBuild *b, uint32_t facs, uint32_t dsdt)
{
    uint32_t start = begin(b, "FACP", 3);
    AcpiFile *f = &b->tables;

    put_pointer(b, facs, 4);
    put_pointer(b, dsdt, 4);
    U8(f, 1);                           /* interrupt model, of ACPI 1.0 */
    U8(f, 0);
    U16(f, SCI_GSI);
    U32(f, SMI_COMMAND_PORT);
    U8(f, SMI_ACPI_ENABLE);
    U8(f, SMI_ACPI_DISABLE);
    U16(f, 0);
    U32(f, PM_BASE);                    /* PM1a events */
    U32(f, 0);
    U32(f, PM_BASE + 4);                /* PM1a control */
    U32(f, 0);
    U32(f, 0);
    U32(f, PM_BASE + 8);                /* PM timer */
    U32(f, PM_BASE + 0x20);             /* GPE0 */
    U32(f, 0);
    U8(f, 4);
    U8(f, 2);
    U8(f, 0);
    U8(f, 4);
    U8(f, ICH9_GPE_LEN);
    U8(f, 0);
    U8(f, 0);
    U8(f, 0);
    U16(f, 0xfff);                      /* C2 and C3: there are none */
    U16(f, 0xfff);
    U32(f, 0);                          /* flush size and stride */
    U32(f, 0);                          /* duty cycle, alarms of the day and the month */
    U8(f, 0x32);                        /* … of the century: where the RTC keeps it */
    U16(f, has_keyboard(pc) ? BOOT_ARCH_8042 : 0);
    U8(f, 0);
    U32(f, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_RTC_S4 | FADT_RESET_REG_SUP | FADT_USE_PLATFORM_CLOCK);
    put_port_address(f, 0xcf9, 8);
    U8(f, 0x0f);                        /* … and what to write there for a reset */
    put(f, "\0\0\0", 3);
    U64(f, 0);                          /* the 32-bit address of the FACS holds */
    put_pointer(b, dsdt, 8);
    put_port_address(f, PM_BASE, 32);
    take(f, 12);
    put_port_address(f, PM_BASE + 4, 16);
    take(f, 12);
    take(f, 12);
    put_port_address(f, PM_BASE + 8, 32);
    put_port_address(f, PM_BASE + 0x20, 8 * ICH9_GPE_LEN);
    take(f, 12);
    end(pc, b, start);
    return start;
}

static uint32_t build_madt(PCMachineState *pc, AcpiBuild *b)
{
    static const uint8_t level_lines[] = { 5, 9, 10, 11 };
    const CpuTopology *smp = &pc->parent_obj.smp;
    uint32_t start = begin(b, "APIC", 1);
    AcpiFile *f = &b->tables;

    U32(f, 0xfee00000);
    U32(f, 1);                          /* there are 8259s, too */
    for (unsigned i = 0; i < smp->max_cpus; i++) {
        put(f, (const uint8_t[]){ 0, 8, i, x86_apic_id(smp, i) }, 4);
        U32(f, i < smp->cpus);
    }
    put(f, (const uint8_t[]){ 1, 12, 0, 0 }, 4);
    U32(f, IOAPIC_ADDRESS);
    U32(f, 0);
    put(f, (const uint8_t[]){ 2, 10, 0, 0, 2, 0, 0, 0, 0, 0 }, 10);     /* ISA's IRQ 0 is GSI 2 */
    for (size_t i = 0; i < sizeof(level_lines); i++) {
        put(f, (const uint8_t[]){ 2, 10, 0, level_lines[i], level_lines[i], 0, 0, 0, 0x0d, 0 }, 10);
    }
    put(f, (const uint8_t[]){ 4, 6, 0xff, 0, 0, 1 }, 6);                /* NMI: LINT1 of all */
    end(pc, b, start);
    return start;
}

static uint32_t build_hpet(PCMachineState *pc, AcpiBuild *b)
{
    uint32_t start = begin(b, "HPET", 1);

    U32(&b->tables, 0x8086a201);
    U32(&b->tables, 0);
    U64(&b->tables, HPET_ADDRESS);
    U32(&b->tables, 0);
    end(pc, b, start);
    return start;
}

static uint32_t build_mcfg(PCMachineState *pc, AcpiBuild *b, uint64_t base, uint64_t length)
{
    uint32_t start = begin(b, "MCFG", 1);

    U64(&b->tables, 0);
    U64(&b->tables, base);
    U16(&b->tables, 0);
    U8(&b->tables, 0);
    U8(&b->tables, length / MiB - 1);
    U32(&b->tables, 0);
    end(pc, b, start);
    return start;
}

/* Windows ACPI Emulated devices Table: the PM timer needs to be read once only. */
static uint32_t build_waet(PCMachineState *pc, AcpiBuild *b)
{
    uint32_t start = begin(b, "WAET", 1);

    U32(&b->tables, 1 << 1);
    end(pc, b, start);
    return start;
}

static uint32_t build_facs(AcpiBuild *b)
{
    uint32_t start = b->tables.length;
    uint8_t *at = take(&b->tables, FACS_SIZE);

    if (at) {
        memcpy(at, "FACS", 4);
        store_le32(at + AT_LENGTH, FACS_SIZE);
    }
    return start;
}

static void build_rsdp(PCMachineState *pc, AcpiBuild *b, uint32_t rsdt)
{
    uint8_t *at = take(&b->rsdp, ACPI_RSDP_SIZE);

    if (at) {
        memcpy(at, "RSD PTR ", 8);
        set_text(at + 9, pc->oem_id ? pc->oem_id : "BOCHS ", 6);
        store_le32(at + 16, rsdt);
    }
    command_pointer(b, ACPI_FILE_RSDP, 16, 4);
    command_checksum(b, ACPI_FILE_RSDP, 8, 0, ACPI_RSDP_SIZE);
}

bool acpi_tables_build(PCMachineState *pc, AcpiBuild *b)
{
    uint32_t list[8], n = 0, facs, dsdt, rsdt;
    uint64_t ecam_length, ecam = ecam_window(pc, &ecam_length);

    command_allocate(b, ACPI_FILE_RSDP, 16, LOADER_ZONE_FSEG);
    command_allocate(b, ACPI_FILE_TABLES, 64, LOADER_ZONE_HIGH);
    facs = build_facs(b);
    dsdt = b->tables.length;
    build_dsdt(pc, b);
    list[n++] = build_fadt(pc, b, facs, dsdt);
    list[n++] = build_ssdt(pc, b);
    list[n++] = build_madt(pc, b);
    if (pc->hpet_dev) {
        list[n++] = build_hpet(pc, b);
    }
    if (ecam_length) {
        list[n++] = build_mcfg(pc, b, ecam, ecam_length);
    }
    list[n++] = build_waet(pc, b);
    rsdt = begin(b, "RSDT", 1);
    for (uint32_t i = 0; i < n; i++) {
        put_pointer(b, list[i], 4);
    }
    end(pc, b, rsdt);
    build_rsdp(pc, b, rsdt);
    return !b->tables.overflow && !b->loader.overflow && !b->rsdp.overflow;
}
