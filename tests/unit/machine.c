/* Machines: finding them, their options, CPUs and memory, and the q35 board as it comes up. */
#include <stdio.h>
#include <string.h>

#include "hw/core/compat.h"
#include "hw/core/machine.h"
#include "hw/i386/pc.h"
#include "system/memory.h"
#include "system/ramblock.h"
#include "target/i386/cpu.h"
#include "util/units.h"

/* Each test that makes a machine runs in a process of its own: there is one machine in a program. */
static bool in_child(void)
{
    if (g_test_subprocess()) {
        compat_install(release);
        memory_init();
        return true;
    }
    g_test_trap_subprocess(NULL, 10 * G_USEC_PER_SEC, 0);
    g_test_trap_assert_passed();
    return false;
}

static MachineState *create(const char *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Json) json = json_parse(options, -1, &error);

    g_assert_no_error(error);
    machine_create(json, &error);
    g_assert_no_error(error);
    return current_machine;
}

static MachineState *boot(const char *options)
{
    g_autoptr(GError) error = NULL;
    MachineState *m = create(options);

    machine_init(m, &error);
    g_assert_no_error(error);
    machine_done(m, &error);
    g_assert_no_error(error);
    return m;
}

static void refused(const char *options, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Json) json = json_parse(options, -1, NULL);

    if (machine_create(json, &error)) {
        g_assert_false(machine_init(current_machine, &error));
    } else {
        g_assert_null(current_machine);
        g_assert_null(object_child(object_root(), "machine"));
    }
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, why);
}

static void a_machine_is_found_by_name_and_aliases(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpstr(machine_find("pc-q35-7.2", NULL)->name, ==, "pc-q35-7.2");
    g_assert_cmpstr(machine_find("pc-7.2", NULL)->name, ==, "pc-q35-7.2");
    g_assert_cmpstr(machine_find("q35", NULL)->name, ==, "pc-q35-8.2");
    g_assert_cmpstr(machine_find(NULL, NULL)->name, ==, "pc-q35-8.2");
    g_assert_cmpstr(machine_find("none", NULL)->name, ==, "none");
    g_assert_null(machine_find("pc-q35-9.0", &error));
    g_assert_cmpstr(error->message, ==,
                    "unsupported machine type: \"pc-q35-9.0\"\nUse -machine help to list supported machines");
}

static void help_lists_the_newest_first(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    machine_help(out);
    g_assert_true(g_str_has_prefix(out->str,
                                   "Supported machines are:\n"
                                   "q35                  Standard PC (Q35 + ICH9, 2009) (alias of pc-q35-8.2)\n"
                                   "pc-q35-8.2           Standard PC (Q35 + ICH9, 2009) (default)\n"
                                   "pc-q35-8.1           Standard PC (Q35 + ICH9, 2009)\n"));
    g_assert_true(g_str_has_suffix(out->str, "pc-q35-5.1           Standard PC (Q35 + ICH9, 2009)\n"
                                             "none                 empty machine\n"));
}

static void help_of_options_is_qemus(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    machine_help_options(machine_find("q35", NULL), out);
    g_assert_true(g_str_has_prefix(out->str, "pc-q35-8.2-machine options:\n"
                                             "  acpi=<OnOffAuto>       - Enable ACPI\n"
                                             "  append=<string>        - Linux kernel command line\n"
                                             "  boot=<BootConfiguration> - Boot configuration\n"));
    g_assert_nonnull(strstr(out->str, "  memory-backend=<link<memory-backend>> - Set RAM backend"));
    g_assert_null(strstr(out->str, "snapshot_dir"));
}

static void cpus(const char *smp, unsigned cpus, unsigned sockets, unsigned cores, unsigned threads, unsigned max)
{
    g_autofree char *options = g_strdup_printf("{\"smp\": %s}", smp);
    MachineState *m = create(options);

    g_assert_cmpuint(m->smp.cpus, ==, cpus);
    g_assert_cmpuint(m->smp.sockets, ==, sockets);
    g_assert_cmpuint(m->smp.cores, ==, cores);
    g_assert_cmpuint(m->smp.threads, ==, threads);
    g_assert_cmpuint(m->smp.max_cpus, ==, max);
    object_unparent(OBJECT(m));
    current_machine = NULL;
}

static void topology_is_completed_as_qemu_does(void)
{
    if (!in_child()) {
        return;
    }
    cpus("{}", 1, 1, 1, 1, 1);
    cpus("{\"cpus\": \"4\"}", 4, 1, 4, 1, 4);
    cpus("{\"cpus\": \"4\", \"sockets\": \"2\"}", 4, 2, 2, 1, 4);
    cpus("{\"cpus\": \"4\", \"maxcpus\": \"8\", \"sockets\": \"2\", \"cores\": \"2\"}", 4, 2, 2, 2, 8);
    cpus("{\"sockets\": 2, \"cores\": 2}", 4, 2, 2, 1, 4);
    cpus("{\"cpus\": 255}", 255, 1, 255, 1, 255);
}

static void older_machine_types_prefer_sockets(void)
{
    MachineState *m;

    if (!in_child()) {
        return;
    }
    m = create("{\"type\": \"pc-q35-6.1\", \"smp\": {\"cpus\": \"4\"}}");
    g_assert_cmpuint(m->smp.sockets, ==, 4);
    g_assert_cmpuint(m->smp.cores, ==, 1);
}

static void bad_topologies_are_refused(void)
{
    static const struct {
        const char *options, *why;
    } bad[] = {
        { "{\"smp\": {\"cpus\": \"0\"}}", "Invalid CPU topology: CPU topology parameters must be greater than zero" },
        { "{\"smp\": {\"cpus\": \"foo\"}}", "Parameter 'smp.cpus' expects integer" },
        { "{\"smp\": {\"cpus\": \"1.5\"}}", "Parameter 'smp.cpus' expects integer" },
        { "{\"smp\": {\"cpus\": \"4\", \"foo\": \"2\"}}", "Parameter 'smp.foo' is unexpected" },
        { "{\"smp\": {\"cpus\": \"4\", \"sockets\": \"3\"}}",
          "Invalid CPU topology: product of the hierarchy must match maxcpus: "
          "sockets (3) * dies (1) * cores (1) * threads (1) != maxcpus (4)" },
        { "{\"smp\": {\"cpus\": \"4\", \"maxcpus\": \"2\"}}",
          "Invalid CPU topology: maxcpus must be equal to or greater than smp: "
          "sockets (1) * dies (1) * cores (2) * threads (1) == maxcpus (2) < smp_cpus (4)" },
        { "{\"smp\": {\"cpus\": \"4\", \"clusters\": \"2\"}}",
          "clusters not supported by this machine's CPU topology" },
        { "{\"type\": \"pc-q35-7.2\", \"smp\": {\"cpus\": \"289\"}}",
          "Invalid SMP CPUs 289. The max CPUs supported by machine 'pc-q35-7.2' is 288" },
        { "{\"type\": \"pc-q35-7.2\", \"smp\": {\"cpus\": \"4294967297\"}}",
          "Invalid SMP CPUs 4294967297. The max CPUs supported by machine 'pc-q35-7.2' is 288" },
        { "{\"type\": \"none\", \"smp\": {\"cpus\": \"2\"}}",
          "Invalid SMP CPUs 2. The max CPUs supported by machine 'none' is 1" },
        { "{\"foo\": \"1\"}", "Property 'pc-q35-8.2-machine.foo' not found" },
        { "{\"smm\": \"foo\"}", "Parameter 'smm' does not accept value 'foo'" },
        { "{\"max-ram-below-4g\": \"5G\"}",
          "Machine option 'max-ram-below-4g=5368709120' expects size less than or equal to 4G" },
        { "{\"memory\": {\"size\": \"1G\", \"slots\": \"2\"}}", "slots specified but no max-size" },
        { "{\"memory\": {\"size\": \"1G\", \"max-size\": \"512M\"}}",
          "invalid value of maxmem: maximum memory size (0x20000000) must be at least the initial memory size "
          "(0x40000000)" },
        { "{\"boot\": {\"order\": \"cc\"}}", "Boot device 'c' was given twice" },
        { "{\"boot\": {\"order\": \"z\"}}", "Invalid boot device 'z'" },
        { "{\"boot\": {\"splash-time\": \"70000\"}}",
          "splash-time is invalid,it should be a value between 0 and 65535" },
    };

    if (!in_child()) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        refused(bad[i].options, bad[i].why);
    }
}

static void more_cpus_than_apic_ids_are_refused(void)
{
    if (in_child()) {
        refused("{\"smp\": {\"cpus\": \"256\"}}",
                "current -smp configuration requires kernel irqchip and X2APIC API support.");
    }
}

static void an_absent_memory_backend_is_refused(void)
{
    if (in_child()) {
        refused("{\"memory-backend\": \"foo\"}", "Memory backend 'foo' not found");
    }
}

static void memory_of_zero_is_the_default_and_sizes_are_rounded_up(void)
{
    if (!in_child()) {
        return;
    }
    g_assert_cmpuint(create("{\"memory\": {\"size\": \"0\"}}")->ram_size, ==, 128 * MiB);
    object_unparent(OBJECT(current_machine));
    current_machine = NULL;
    g_assert_cmpuint(create("{\"memory\": {\"size\": \"4k\"}}")->ram_size, ==, 8192);
}

static void none_has_no_memory_unless_asked(void)
{
    MachineState *m;

    if (!in_child()) {
        return;
    }
    m = boot("{\"type\": \"none\"}");
    g_assert_cmpuint(m->ram_size, ==, 0);
    g_assert_null(m->ram);
}

/* "first-last kind block offset" of the map, as the reference data has it. */
static void append_range(hwaddr first, hwaddr last, const MemorySection *section, void *opaque)
{
    if (section->mr->ram) {
        g_string_append_printf(opaque, "%lx-%lx %s %s %lx\n", first, last, section->readonly ? "rom" : "ram",
                               section->mr->ram->name, section->offset);
    }
}

static char *ram_map(void)
{
    GString *out = g_string_new(NULL);

    address_space_foreach(&address_space_memory, append_range, out);
    return g_string_free(out, false);
}

static void the_map_at_reset_is_qemus(void)
{
    g_autofree char *map = NULL;

    if (!in_child()) {
        return;
    }
    boot("{\"memory\": {\"size\": \"16M\"}}");
    map = ram_map();
    g_assert_cmpstr(map, ==,
                    "0-bffff ram pc.ram 0\n"
                    "c0000-dffff rom pc.rom 0\n"
                    "e0000-fffff rom pc.bios 20000\n"
                    "100000-ffffff ram pc.ram 100000\n"
                    "fffc0000-ffffffff rom pc.bios 0\n");
}

static void ram_above_2_75_gib_is_split_at_2_gib(void)
{
    g_autofree char *map = NULL;

    if (!in_child()) {
        return;
    }
    boot("{\"memory\": {\"size\": \"5G\"}}");
    map = ram_map();
    g_assert_nonnull(strstr(map, "100000-7fffffff ram pc.ram 100000\n"));
    g_assert_nonnull(strstr(map, "100000000-1bfffffff ram pc.ram 80000000\n"));
}

static bool append_block(RAMBlock *block, void *opaque)
{
    g_string_append_printf(opaque, "%s %lu\n", block->name, block->used_length);
    return true;
}

static void ram_blocks_are_qemus(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (!in_child()) {
        return;
    }
    boot("{\"memory\": {\"size\": \"16M\"}}");
    ramblock_foreach(append_block, out);
    g_assert_cmpstr(out->str, ==,
                    "pc.ram 16777216\n"
                    "/rom@etc/acpi/tables 131072\n"
                    "pc.bios 262144\n"
                    "pc.rom 131072\n"
                    "/rom@etc/table-loader 4096\n"
                    "/rom@etc/acpi/rsdp 4096\n");
}

static void the_tree_has_qemus_names(void)
{
    if (!in_child()) {
        return;
    }
    boot("{\"smp\": {\"cpus\": \"2\"}}");
    g_assert_cmpstr(object_type(object_resolve_path("/machine", NULL)), ==, "pc-q35-8.2-machine");
    g_assert_cmpstr(object_type(object_resolve_path("/machine/q35", NULL)), ==, "q35-pcihost");
    g_assert_cmpstr(object_type(object_resolve_path("/machine/q35/mch", NULL)), ==, "mch");
    g_assert_cmpstr(object_type(object_resolve_path("/machine/q35/pcie.0", NULL)), ==, "PCIE");
    g_assert_cmpstr(object_type(object_resolve_path("/objects/pc.ram", NULL)), ==, "memory-backend-ram");
    g_assert_cmpstr(object_type(object_resolve_path("/machine/unattached/device[0]", NULL)), ==, "qemu64-x86_64-cpu");
    g_assert_cmpstr(object_type(object_resolve_path("/machine/unattached/device[1]", NULL)), ==, "kvmvapic");
    g_assert_cmpstr(object_type(object_resolve_path("/machine/unattached/device[2]", NULL)), ==, "qemu64-x86_64-cpu");
    g_assert_cmpstr(object_type(object_resolve_path("/machine/unattached/device[3]", NULL)), ==, "ICH9-LPC");
    g_assert_nonnull(object_resolve_path("/machine/peripheral", NULL));
}

/* "000 29c08086 ffffffff 0 0": config, cmask, wmask, w1cmask of a dword; what is not listed is as in every device. */
static void check_config(PCIDevice *dev, const char *device)
{
    g_autofree char *path = g_build_filename(g_getenv("TEST_DATA"), "pciconfig", "q35.txt", NULL);
    g_autofree char *text = NULL;
    const char *line;
    unsigned off, config, cmask, wmask, w1cmask;
    bool listed[64] = { 0 };

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    line = strchr(strstr(text, device), '\n') + 1;
    while (sscanf(line, "%x %x %x %x %x", &off, &config, &cmask, &wmask, &w1cmask) == 5) {
        g_test_message("%s %#x", device, off);
        g_assert_cmphex(pci_get_long(dev->config + off), ==, config);
        g_assert_cmphex(pci_get_long(dev->cmask + off), ==, cmask);
        g_assert_cmphex(pci_get_long(dev->wmask + off), ==, wmask);
        g_assert_cmphex(pci_get_long(dev->w1cmask + off), ==, w1cmask);
        listed[off / 4] = true;
        line = strchr(line, '\n') + 1;
    }
    for (off = 0x40; off < 0x100; off += 4) {
        if (!listed[off / 4]) {
            g_assert_cmphex(pci_get_long(dev->config + off), ==, 0);
            g_assert_cmphex(pci_get_long(dev->cmask + off), ==, 0);
            g_assert_cmphex(pci_get_long(dev->wmask + off), ==, 0xffffffff);
        }
    }
}

static void config_spaces_and_masks_are_qemus(void)
{
    PCMachineState *pc;

    if (!in_child()) {
        return;
    }
    pc = PC_MACHINE(boot("{\"memory\": {\"size\": \"16M\"}}"));
    check_config(&pc->host->mch->parent_obj, "/mch ");
    check_config(&pc->lpc->parent_obj, "/ICH9LPC ");
    reset_machine();
    check_config(&pc->host->mch->parent_obj, "/mch ");
    check_config(&pc->lpc->parent_obj, "/ICH9LPC ");
}

static void acpi_off_leaves_its_blocks_out(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (!in_child()) {
        return;
    }
    boot("{\"acpi\": \"off\", \"memory\": {\"size\": \"16M\"}}");
    ramblock_foreach(append_block, out);
    g_assert_null(strstr(out->str, "/rom@etc"));
}

#define ADD(fn) g_test_add_func("/machine/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!g_test_subprocess()) {
        compat_install(release);
    }
    ADD(a_machine_is_found_by_name_and_aliases);
    ADD(help_lists_the_newest_first);
    ADD(help_of_options_is_qemus);
    ADD(topology_is_completed_as_qemu_does);
    ADD(older_machine_types_prefer_sockets);
    ADD(bad_topologies_are_refused);
    ADD(more_cpus_than_apic_ids_are_refused);
    ADD(an_absent_memory_backend_is_refused);
    ADD(memory_of_zero_is_the_default_and_sizes_are_rounded_up);
    ADD(none_has_no_memory_unless_asked);
    ADD(the_map_at_reset_is_qemus);
    ADD(ram_above_2_75_gib_is_split_at_2_gib);
    ADD(ram_blocks_are_qemus);
    ADD(the_tree_has_qemus_names);
    ADD(config_spaces_and_masks_are_qemus);
    ADD(acpi_off_leaves_its_blocks_out);
    return g_test_run();
}
