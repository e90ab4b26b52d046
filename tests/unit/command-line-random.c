/*
 * Random and mutated command lines, each in a process of its own that goes as far as the whole machine: none crashes or hangs,
 * each ends with status 0, or 1 and a message. LINES=100000 makes it thorough, SEED= repeats a run.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hw/core/compat.h"
#include "system/main-loop.h"
#include "system/memory.h"
#include "system/setup.h"
#include "util/log.h"

enum { TOO_LONG = 20 /* s */, SAID_MAX = 4096 };

/* Options as people and management layers give them. Files are in the folder that the test makes; none is made outside it. */
static const char *const options[] = {
    "-M q35", "-M pc-7.2", "-M pc-q35-5.1", "-M none", "-M help", "-M q35,help", "-machine pc-q35-7.2,usb=off,dump-guest-core=off",
    "-machine q35,memory-backend=pc.ram", "-M q35,sata=off,smbus=off,hpet=off,vmport=off,pit=off,pic=off",
    "-M type=q35,smm=on,acpi=off", "-accel qtest", "-accel tcg,thread=multi", "-accel kvm", "-machine accel=kvm:tcg",
    "-accel help", "-cpu qemu64", "-cpu max", "-cpu host", "-cpu help", "-cpu Haswell,+avx2,-hle,vendor=GenuineIntel",
    "-cpu qemu64,family=6,model=0x2a,stepping=3,enforce", "-cpu EPYC-v2,check=on,level=0xd,phys-bits=40",
    "-smp 4", "-smp 2,maxcpus=4,sockets=2,cores=2,threads=1", "-smp cpus=3,dies=1", "-m 1", "-m 16M", "-m 1G",
    "-m size=64M,slots=2,maxmem=128M", "-name a,debug-threads=on", "-name guest=x,process=y",
    "-uuid 188d32e0-1459-476b-b901-f9ca59772764", "-rtc base=utc,driftfix=slew", "-rtc base=2023-04-20T12:00:00,clock=vm",
    "-boot strict=on,menu=on,splash-time=100", "-boot order=cdn", "-overcommit mem-lock=off,cpu-pm=off", "-no-user-config",
    "-nodefaults", "-display none", "-vga none", "-nographic", "-S", "-no-shutdown", "-no-reboot", "-only-migratable",
    "-snapshot", "-k de", "-msg timestamp=on", "-sandbox on,obsolete=deny,spawn=allow", "-audio none",
    "-audiodev {\"id\":\"a\",\"driver\":\"none\"}", "-audiodev none,id=x", "-L .", "-bios bios", "-D log", "-d guest_errors",
    "-d help", "-trace help", "-trace enable=migrate*", "-version", "-h", "-readconfig conf", "-set device.d.addr=3",
    "-global virtio-blk-pci.vectors=4", "-global driver=pci-device,property=x-pcie-err-unc-mask,value=on",
    "-global migration.x-allow-drift=on", "-global a.b.c", "-global pcie-root-port.", "-incoming defer", "-incoming tcp:127.0.0.1:0",
    "-incoming {\"channel-type\":\"main\",\"addr\":{\"transport\":\"file\",\"filename\":\"img\",\"offset\":0}}", "-loadvm x",
    "-qmp null", "-monitor none", "-monitor null", "-mon chardev=c0,mode=control,pretty=on", "-serial null", "-serial none",
    "-parallel none", "-serial file:serial", "-chardev null,id=c0", "-chardev ringbuf,id=c1,size=1024",
    "-chardev file,id=c2,path=out,append=on", "-chardev socket,id=c3,path=sock,server=on,wait=off",
    "-chardev socket,id=c4,host=127.0.0.1,port=0,server=on,wait=off,nodelay=on,ipv4=on", "-chardev null,id=c0,mux=on,logfile=l",
    "-chardev pty,id=c5", "-object secret,id=s0,data=abc", "-object secret,id=s1,file=img,format=base64",
    "-object iothread,id=io0", "-object {\"qom-type\":\"iothread\",\"id\":\"io1\",\"poll-max-ns\":0}",
    "-object memory-backend-ram,id=pc.ram,size=16M", "-object {\"qom-type\":\"memory-backend-ram\",\"id\":\"m\",\"size\":1048576}",
    "-object memory-backend-file,id=mf,mem-path=mem,size=1M,share=on", "-object memory-backend-memfd,id=mm,size=2M",
    "-object help", "-object iothread,help", "-blockdev driver=null-co,node-name=n0,size=1048576",
    "-blockdev {\"driver\":\"file\",\"filename\":\"img\",\"node-name\":\"f0\",\"auto-read-only\":true,\"discard\":\"unmap\"}",
    "-blockdev {\"node-name\":\"r0\",\"read-only\":false,\"driver\":\"raw\",\"file\":\"f0\"}",
    "-blockdev driver=raw,node-name=r1,file.driver=file,file.filename=img,offset=512,size=512",
    "-drive if=none,id=d0,file=img,format=raw", "-drive if=virtio,file=img,format=raw,snapshot=on,cache=none,aio=io_uring",
    "-drive file=img,format=raw,index=1,media=cdrom,werror=stop,rerror=report", "-device help", "-device pcie-root-port,help",
    "-device pcie-root-port,id=rp0,chassis=1,slot=1,addr=1.0,multifunction=on", "-device pcie-root-port,id=rp1,port=9,hotplug=off",
    "-device {\"driver\":\"pcie-root-port\",\"port\":8,\"chassis\":1,\"id\":\"pci.1\",\"bus\":\"pcie.0\",\"addr\":\"0x1.0x1\"}",
    "-device virtio-blk-pci,drive=d0,bus=rp0,id=b0,num-queues=4,bootindex=1,iothread=io0",
    "-device virtio-blk-pci,drive=n0,disable-legacy=on,disable-modern=off,queue-size=64,serial=abc",
    "-device virtio-rng-pci,addr=5.0,max-bytes=1024,period=1000", "-device virtio-blk-device,drive=n0",
    "-device isa-serial,chardev=c0,iobase=0x3f8,irq=4,index=0", "-device ICH9-LPC", "-device i8042", "-net none", "-nic none",
    "-add-fd fd=9,set=1,opaque=x", "-pidfile pid", "-no-acpi", "-no-hpet", "-usb", "-compat deprecated-input=reject",
};

static const char *const pieces[] = {
    "0", "-1", "1", "18446744073709551615", "18446744073709551616", "0x7fffffffffffffff", "1e9", "4G", "999999999T", "on", "off",
    "auto", "help", "?", ",", ",,", "=", "==", ":", "..", "%s%n", "\"", "{", "}", "[", "]", "{}", "[]", "null", "\\u0000", "\\ud800",
    "id=", "driver=", "addr=1f.7", "addr=20.0", "bus=pcie.0", "bus=rp0", "id=rp0", "drive=n0", "chardev=c0", "/", "\xff\xfe",
    "\xc3\xa9", "\xe2\x82", " ", "\t", "\n", "type=", "size=", "file.", "props.", "a.b.c.0.1", "server=on,wait=off",
};

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = g_getenv(name);

    return text ? strtoul(text, NULL, 10) : otherwise;
}

static const char *pick(GRand *rand, const char *const *list, size_t count)
{
    return list[g_rand_int_range(rand, 0, count)];
}

static const char *any_option(GRand *rand)
{
    return pick(rand, options, G_N_ELEMENTS(options));
}

/* One change, anywhere in the text. */
static void change(GString *text, GRand *rand)
{
    size_t at = text->len ? g_rand_int_range(rand, 0, text->len) : 0;
    size_t run = g_rand_int_range(rand, 1, 12);
    const char *other;

    run = MIN(run, text->len - at);
    switch (g_rand_int_range(rand, 0, 8)) {
    case 0:
        g_string_erase(text, at, run);
        break;
    case 1:
    case 2:
        g_string_insert(text, at, pick(rand, pieces, G_N_ELEMENTS(pieces)));
        break;
    case 3:
        if (text->len) {
            text->str[at] = g_rand_int_range(rand, 1, 256);
        }
        break;
    case 4: /* a piece of another option */
        other = any_option(rand);
        g_string_insert(text, at, other + g_rand_int_range(rand, 0, strlen(other)));
        break;
    case 5: /* a value is another */
        if (strchr(text->str + at, '=')) {
            size_t value = strchr(text->str + at, '=') + 1 - text->str;

            g_string_erase(text, value, strcspn(text->str + value, ",}"));
            g_string_insert(text, value, pick(rand, pieces, G_N_ELEMENTS(pieces)));
        }
        break;
    case 6:
        for (int n = g_rand_int_range(rand, 1, 3000); n > 0 && g_rand_int_range(rand, 0, 8) == 0; n--) {
            g_string_insert_c(text, at, 'a' + n % 26);
        }
        break;
    default: /* the same key again */
        g_string_append_len(text, text->str + at, run);
        break;
    }
}

static void add_option(GPtrArray *words, GRand *rand, bool mutate)
{
    const char *option = any_option(rand), *blank = strchr(option, ' ');
    GString *argument = g_string_new(blank ? blank + 1 : "");
    GString *name = g_string_new_len(option, blank ? (size_t)(blank - option) : strlen(option));

    for (int n = mutate ? g_rand_int_range(rand, 0, 4) : 0; n > 0; n--) {
        change(argument, rand);
    }
    if (mutate && g_rand_int_range(rand, 0, 20) == 0) {
        change(name, rand);
    }
    g_ptr_array_add(words, g_string_free(name, FALSE));
    if (blank || argument->len) {
        g_ptr_array_add(words, g_string_free(argument, FALSE));
    } else {
        g_string_free(argument, TRUE);
    }
}

static GPtrArray *command_line(GRand *rand)
{
    static const char *const usual[] = { "godwit", "-nodefaults", "-display", "none", "-S" };
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    bool mutate = g_rand_int_range(rand, 0, 4) != 0;

    for (size_t i = 0; i < (mutate ? G_N_ELEMENTS(usual) : 1); i++) {
        g_ptr_array_add(words, g_strdup(usual[i]));
    }
    if (g_rand_boolean(rand)) {
        g_ptr_array_add(words, g_strdup("-M"));
        g_ptr_array_add(words, g_strdup("q35"));
    }
    for (int n = g_rand_int_range(rand, 1, 9); n > 0; n--) {
        add_option(words, rand, mutate && g_rand_boolean(rand));
    }
    return words;
}

/* As main() does it, up to where the machine would run; what makes processes and files elsewhere is left out. */
static int build_machine(int argc, char **argv)
{
    static Config config;

    log_set_program_name("godwit");
    if (!options_parse(&config, argc, argv)) {
        return EXIT_FAILURE;
    }
    if (config.done) {
        return EXIT_SUCCESS;
    }
    main_loop_init();
    compat_install(release);
    memory_init();
    if (!setup_logging(&config) || !setup_help(&config)) {
        return EXIT_FAILURE;
    }
    if (!config.done && (!setup_chardevs(&config) || !setup_machine(&config) || (!config.done && !setup_monitors(&config)))) {
        return EXIT_FAILURE;
    }
    fflush(stdout);
    setup_teardown();
    return EXIT_SUCCESS;
}

static void child(GPtrArray *words, int said)
{
    struct rlimit size = { 64 << 20, 64 << 20 };

    dup2(said, STDERR_FILENO);
    dup2(said, STDOUT_FILENO);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &size);
    alarm(TOO_LONG);
    g_ptr_array_add(words, NULL);
    _exit(build_machine(words->len - 1, (char **)words->pdata));
}

static void check(GPtrArray *words, unsigned *refused)
{
    int said = memfd_create("said", MFD_CLOEXEC), status = 0;
    pid_t pid;

    g_assert_cmpint(said, >=, 0);
    fflush(NULL);
    pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        child(words, said);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1 || (WEXITSTATUS(status) == 1 && lseek(said, 0, SEEK_END) == 0)) {
        char text[SAID_MAX + 1] = "";
        g_autofree char *line = NULL;

        g_ptr_array_add(words, NULL);
        line = g_strjoinv("' '", (char **)words->pdata);
        if (pread(said, text, SAID_MAX, MAX(lseek(said, 0, SEEK_END) - SAID_MAX, 0)) < 0) {
            *text = '\0';
        }
        g_error("status %#x of '%s': %s", status, line, text);
    }
    *refused += WEXITSTATUS(status);
    close(said);
}

/* A server waits for its client, for ever if nobody comes. */
static bool waits(const GPtrArray *words)
{
    for (guint i = 0; i < words->len; i++) {
        if (strstr(words->pdata[i], "server") && !strstr(words->pdata[i], "wait=off")) {
            return true;
        }
    }
    return false;
}

static void lines_are_taken_or_refused_with_words(void)
{
    unsigned seed = from_environment("SEED", g_random_int()), count = from_environment("LINES", 1500), refused = 0;
    GRand *rand = g_rand_new_with_seed(seed);

    g_test_message("SEED=%u", seed);
    for (unsigned i = 0; i < count; i++) {
        g_autoptr(GPtrArray) words = command_line(rand);

        if (!waits(words)) {
            check(words, &refused);
        }
    }
    g_test_message("%u of %u refused", refused, count);
    g_assert_cmpuint(refused, >, count / 10);
    g_assert_cmpuint(refused, <, count);
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_autofree char *folder = g_dir_make_tmp("command-lineXXXXXX", NULL), *remove = g_strdup_printf("rm -rf '%s'", folder);
    int status;

    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(chdir(folder), ==, 0);
    g_file_set_contents("img", "\0\1\2\3", 4, NULL);
    g_assert_cmpint(truncate("img", 1 << 20), ==, 0);
    g_file_set_contents("bios", "", 0, NULL);
    g_assert_cmpint(truncate("bios", 65536), ==, 0);
    g_file_set_contents("conf", "[device \"d\"]\n  driver = \"pcie-root-port\"\n[machine]\n  type = \"q35\"\n", -1, NULL);
    g_test_add_func("/command-line/lines_are_taken_or_refused_with_words", lines_are_taken_or_refused_with_words);
    status = g_test_run();
    return system(remove) == 0 ? status : 1;
}
