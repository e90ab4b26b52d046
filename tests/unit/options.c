/* The command line: what options mean, where they go, and that no text of them does harm. */
#include "system/options.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"

static char *errors_path;

/* Parses a line of blank-separated words; what was reported goes to the file. */
static bool parse(Config *config, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    bool ok;

    memset(config, 0, sizeof(*config));
    log_set_timestamps(false);
    g_assert_cmpint(truncate(errors_path, 0), ==, 0);
    ok = options_parse(config, g_strv_length(words), words);
    fflush(stderr);
    return ok;
}

static void accepted(const char *line)
{
    Config config;

    if (!parse(&config, line)) {
        g_error("refused: %s", line);
    }
    options_clear(&config);
}

static void refused(const char *line, const char *why)
{
    g_autofree char *said = NULL;
    Config config;

    g_assert_false(parse(&config, line));
    options_clear(&config);
    g_assert_true(g_file_get_contents(errors_path, &said, NULL, NULL));
    g_strchomp(said);
    g_assert_cmpstr(said, ==, why);
}

static void machine_is(const char *line, const char *want)
{
    g_autofree char *text = NULL;
    Config config;

    g_assert_true(parse(&config, line));
    text = json_text(config.machine, false);
    g_assert_cmpstr(text, ==, want);
    options_clear(&config);
}

static void machine_options_are_merged(void)
{
    machine_is("g -M pc-q35-7.2,usb=off -machine smm=on,accel=tcg", "{\"type\": \"pc-q35-7.2\", \"usb\": \"off\", \"smm\": \"on\", \"accel\": \"tcg\"}");
    machine_is("g -M q35,smp.cpus=2 -smp cores=4", "{\"type\": \"q35\", \"smp\": {\"cpus\": \"2\", \"cores\": \"4\"}}");
    machine_is("g -kernel k -initrd i -append a,b=c -bios f", "{\"kernel\": \"k\", \"initrd\": \"i\", \"append\": \"a,b=c\", \"firmware\": \"f\"}");
    machine_is("g -boot cd,menu=on,strict=on", "{\"boot\": {\"order\": \"cd\", \"menu\": \"on\", \"strict\": \"on\"}}");
    machine_is("g -smp 2,sockets=2,cores=1,threads=1", "{\"smp\": {\"cpus\": \"2\", \"sockets\": \"2\", \"cores\": \"1\", \"threads\": \"1\"}}");
}

static void memory_counts_megabytes(void)
{
    machine_is("g -m 512", "{\"memory\": {\"size\": 536870912}}");
    machine_is("g -m 1.5G", "{\"memory\": {\"size\": 1610612736}}");
    machine_is("g -m size=64k,slots=2,maxmem=1G", "{\"memory\": {\"size\": 65536, \"slots\": 2, \"max-size\": 1073741824}}");
    machine_is("g -m 64 -m 32", "{\"memory\": {\"size\": 33554432}}");
    machine_is("g -m 0", "{\"memory\": {}}");
}

static void mistakes_name_the_option(void)
{
    static const char *const cases[][2] = {
        { "g -foo", "-foo: invalid option" },
        { "g --foo", "--foo: invalid option" },
        { "g -m", "-m: requires an argument" },
        { "g -m abc", "-m abc: Parameter 'size' expects a non-negative number below 2^64" },
        { "g -m 99999999999999999999", "-m 99999999999999999999: Value '99999999999999999999' is out of range for parameter 'size'" },
        { "g -m 64,foo=2", "-m 64,foo=2: Invalid parameter 'foo'" },
        { "g -uuid abc", "-uuid abc: failed to parse UUID string: wrong format" },
        { "g -uuid 188d32e0-1459-496f-b901-f9ca597727640", "-uuid 188d32e0-1459-496f-b901-f9ca597727640: failed to parse UUID string: wrong format" },
        { "g -name guest=a,foo=1", "-name guest=a,foo=1: Invalid parameter 'foo'" },
        { "g -overcommit mem-lock=x", "-overcommit mem-lock=x: Parameter 'mem-lock' expects 'on' or 'off'" },
        { "g -msg timestamp=x", "-msg timestamp=x: Parameter 'timestamp' expects 'on' or 'off'" },
        { "g -sandbox on,spawn=x", "-sandbox on,spawn=x: invalid argument for spawn" },
        { "g -sandbox foo", "-sandbox foo: Parameter 'enable' expects 'on' or 'off'" },
        { "g -display foo", "-display foo: Parameter 'type' does not accept value 'foo'" },
        { "g -display sdl", "-display sdl: Display 'sdl' is not available." },
        { "g -vga foo", "-vga foo: unknown vga type: foo" },
        { "g -vga std", "-vga std: std VGA not available" },
        { "g -action reboot=x", "-action reboot=x: Parameter 'reboot' does not accept value 'x'" },
        { "g -rtc clock=zz", "-rtc clock=zz: invalid option value 'zz'" },
        { "g -rtc base=foo", "-rtc base=foo: invalid datetime format" },
        { "g -mon foo,mode=x", "-mon foo,mode=x: Parameter 'mode' does not accept value 'x'" },
        { "g -device id=x", "-device id=x: Parameter 'driver' is missing" },
        { "g -device {\"driver\":", "-device {\"driver\":: JSON parse error, premature EOI" },
        { "g -chardev socket,id=x,foo=1", "-chardev socket,id=x,foo=1: Invalid parameter 'foo'" },
        { "g -set foo", "-set foo: can't parse: \"foo\"" },
        { "g -set device.x.y=1", "-set device.x.y=1: there is no device \"x\" defined" },
        { "g -set foo.x.y=1", "-set foo.x.y=1: There is no option group 'foo'" },
        { "g -readconfig /nonexistent", "-readconfig /nonexistent: Could not open '/nonexistent': No such file or directory" },
        { "g -add-fd fd=1,set=1", "-add-fd fd=1,set=1: fd cannot be a standard I/O stream" },
        { "g -add-fd set=1", "-add-fd set=1: fd option is required and must be non-negative" },
        { "g -add-fd fd=900,set=1", "-add-fd fd=900,set=1: fd is not valid or already in use" },
        { "g -net user", "-net user: network backend 'user' is not compiled into this binary" },
        { "g -audiodev foo,id=a", "-audiodev foo,id=a: Parameter 'driver' does not accept value 'foo'" },
        { "g -audiodev none", "-audiodev none: Parameter 'id' is missing" },
        { "g -spice port=1", "-spice port=1: Option not supported" },
        { "g -echr x", "-echr x: Bad argument to echr" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *why = g_strdup_printf("test: %s", cases[i][1]);

        refused(cases[i][0], why);
    }
}

static void what_management_layers_pass_is_taken(void)
{
    accepted("g -S -no-user-config -nodefaults -nographic -machine none,accel=kvm:tcg -qmp unix:p,server=on,wait=off -pidfile p -daemonize");
    accepted("g -name guest=demo,debug-threads=on -S -object {\"qom-type\":\"secret\",\"id\":\"k\",\"format\":\"raw\",\"file\":\"f\"} "
             "-machine pc-q35-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram -accel tcg -cpu qemu64 -m 128 "
             "-overcommit mem-lock=off -smp 2,sockets=2,cores=1,threads=1 -uuid 188d32e0-1459-496f-b901-f9ca59772764 -display none "
             "-no-user-config -nodefaults -chardev socket,id=charmonitor,fd=28,server=on,wait=off "
             "-mon chardev=charmonitor,id=monitor,mode=control -rtc base=utc,driftfix=slew -no-shutdown -boot strict=on "
             "-audiodev {\"id\":\"audio1\",\"driver\":\"none\"} -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
             "-msg timestamp=on -audio none -vga none -global a.b=c -no-acpi");
}

static void flags_land_in_the_config(void)
{
    Config c;

    g_assert_true(parse(&c, "g -S -nodefaults --no-reboot -no-shutdown -daemonize -pidfile p -D l -d int -name a,process=b -uuid "
                            "188D32e0-1459-496f-b901-f9ca59772764 -incoming defer -only-migratable -snapshot -L dir -k de"));
    g_assert_true(c.stopped && c.no_defaults && c.no_reboot && c.no_shutdown && c.daemonize && c.only_migratable && c.snapshot);
    g_assert_cmpstr(c.pidfile, ==, "p");
    g_assert_cmpstr(c.log_file, ==, "l");
    g_assert_cmpstr(c.name, ==, "a");
    g_assert_cmpstr(c.process_name, ==, "b");
    g_assert_cmpstr(c.incoming, ==, "defer");
    g_assert_cmpint(c.uuid[0], ==, 0x18);
    g_assert_cmpint(c.uuid[15], ==, 0x64);
    options_clear(&c);
}

static const OptionItem *item_of(const Config *c, OptionKind kind, guint i)
{
    g_assert_true(c->items[kind] && c->items[kind]->len > i);
    return c->items[kind]->pdata[i];
}

static void items_keep_their_order_and_text(void)
{
    g_autofree char *text = NULL;
    Config c;

    g_assert_true(parse(&c, "g -device foo,id=a,addr=1.0 -device {\"driver\":\"bar\"} -hda img -drive file=x,,y,if=none disk"));
    g_assert_cmpstr(item_of(&c, OPT_DEVICE, 0)->text, ==, "-device foo,id=a,addr=1.0");
    g_assert_true(item_of(&c, OPT_DEVICE, 1)->json);
    text = json_text(item_of(&c, OPT_DRIVE, 0)->opts, false);
    g_assert_cmpstr(text, ==, "{\"file\": \"img\", \"index\": \"0\", \"media\": \"disk\"}");
    g_assert_cmpstr(json_member_string(item_of(&c, OPT_DRIVE, 1)->opts, "file", ""), ==, "x,y");
    g_assert_cmpstr(json_member_string(item_of(&c, OPT_DRIVE, 2)->opts, "file", ""), ==, "disk");
    options_clear(&c);
}

static void set_changes_what_was_given(void)
{
    Config c;

    g_assert_true(parse(&c, "g -device foo,id=a,x=1 -set device.a.x=2 -set device.a.y=3"));
    g_assert_cmpstr(json_member_string(item_of(&c, OPT_DEVICE, 0)->opts, "x", ""), ==, "2");
    g_assert_cmpstr(json_member_string(item_of(&c, OPT_DEVICE, 0)->opts, "y", ""), ==, "3");
    options_clear(&c);
}

static void readconfig_gives_options(void)
{
    static const char file[] = "# a comment\n[machine]\n  type = \"q35\"\n\n[memory]\nsize = \"64\"\n[device \"rp\"]\n"
                               "driver = \"pcie-root-port\"\nromfile = \"a,b\"\n[smp-opts]\ncpus=\"2\"\n";
    static const char *const bad[][2] = {
        { "[nope]\n", "%s:1: There is no option group 'nope'" },
        { "a = \"b\"\n", "%s:1: no group defined" },
        { "[memory]\nsize = 64\n", "%s:2: parse error" },
        { "[memory\n", "%s:1: parse error" },
        { "[memory]\nfoo = \"1\"\n", "Invalid parameter 'foo'" },
    };
    g_autofree char *path = g_strdup_printf("%s.conf", errors_path), *line = g_strdup_printf("g -readconfig %s", path);
    g_autofree char *machine = NULL;
    Config c;

    g_assert_true(g_file_set_contents(path, file, -1, NULL));
    g_assert_true(parse(&c, line));
    machine = json_text(c.machine, false);
    g_assert_cmpstr(machine, ==, "{\"type\": \"q35\", \"memory\": {\"size\": 67108864}, \"smp\": {\"cpus\": \"2\"}}");
    g_assert_cmpstr(json_member_string(item_of(&c, OPT_DEVICE, 0)->opts, "romfile", ""), ==, "a,b");
    g_assert_cmpstr(json_member_string(item_of(&c, OPT_DEVICE, 0)->opts, "id", ""), ==, "rp");
    options_clear(&c);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *what = g_strdup_printf(bad[i][1], path), *why = g_strdup_printf("test: -readconfig %s: %s", path, what);

        g_assert_true(g_file_set_contents(path, bad[i][0], -1, NULL));
        refused(line, why);
    }
    unlink(path);
}

static void every_option_is_in_one_table_and_sorted_groups_have_options(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

    for (size_t i = 0; i < option_guest_count; i++) {
        g_assert_true(g_hash_table_add(names, (void *)option_guest_table[i].name));
    }
    for (size_t i = 0; i < option_host_count; i++) {
        g_assert_true(g_hash_table_add(names, (void *)option_host_table[i].name));
    }
    g_assert_true(g_hash_table_contains(names, option_group("boot-opts")->option));
}

/* 100,000 lines of true and broken words: each is taken or refused with one report, and nothing is left behind. */
static void random_lines_are_taken_or_refused(void)
{
    static const char *const words[] = {
        "-device", "-drive", "-chardev", "-m", "-smp", "-M", "-machine", "-name", "-mon", "-object", "-blockdev", "-global", "-rtc",
        "-boot", "-set", "-overcommit", "-msg", "-sandbox", "-action", "-audiodev", "-uuid", "-cpu", "-accel", "-add-fd", "-net", "-S",
        "-nodefaults", "-k", "-qmp", "-serial", "-display", "-vga", "--m", "foo", "q35,smm=on", "pcie-root-port,id=a,addr=1.0",
        "{\"driver\":\"x\",\"id\":\"y\"}", "size=1G,slots=2,maxmem=4G", "2,sockets=2", "a.b.c=d", "device.a.x=1", "null,id=c", "base=utc",
        "file=a,,b,if=none,id=d0", "on,spawn=deny", "188d32e0-1459-496f-b901-f9ca59772764", "id=", "=", ",", "a=b,c", "fd=3,set=1",
    };
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    int out = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY);

    fflush(stdout);
    dup2(null, STDOUT_FILENO);
    for (int i = 0; i < 100000; i++) {
        char *argv[8] = { g_strdup("g") };
        Config config = { 0 };
        int argc = 1;

        for (int n = g_rand_int_range(rand, 1, 7); argc <= n; argc++) {
            argv[argc] = g_strdup(words[g_rand_int_range(rand, 0, G_N_ELEMENTS(words))]);
            if (g_rand_int_range(rand, 0, 3) == 0) {
                argv[argc][g_rand_int_range(rand, 0, strlen(argv[argc]))] = g_rand_int_range(rand, 1, 256);
            }
        }
        options_parse(&config, argc, argv);
        options_clear(&config);
        for (int k = 0; k < argc; k++) {
            g_free(argv[k]);
        }
        if (i % 5000 == 0) {
            g_assert_cmpint(truncate(errors_path, 0), ==, 0);
        }
    }
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    close(null);
}

int main(int argc, char **argv)
{
    int fd, rc;

    g_test_init(&argc, &argv, NULL);
    log_set_program_name("test");
    errors_path = g_strdup("/tmp/options-XXXXXX");
    fd = mkstemp(errors_path);
    g_assert_cmpint(fcntl(fd, F_SETFL, O_APPEND), ==, 0);
    dup2(fd, STDERR_FILENO);
#define T(name) g_test_add_func("/options/" #name, name)
    T(machine_options_are_merged);
    T(memory_counts_megabytes);
    T(mistakes_name_the_option);
    T(what_management_layers_pass_is_taken);
    T(flags_land_in_the_config);
    T(items_keep_their_order_and_text);
    T(set_changes_what_was_given);
    T(readconfig_gives_options);
    T(every_option_is_in_one_table_and_sorted_groups_have_options);
    T(random_lines_are_taken_or_refused);
    rc = g_test_run();
    unlink(errors_path);
    return rc;
}
