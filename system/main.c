#include "system/main.h"

#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "hw/core/compat.h"
#include "system/main-loop.h"
#include "system/memory.h"
#include "system/runstate.h"
#include "system/setup.h"
#include "util/log.h"

static bool fail(GError *error)
{
    error_report("%s", error->message);
    g_error_free(error);
    return false;
}

/* What concerns the process: background, name, memory, signals. Before there are threads. */
static bool prepare_process(Config *config)
{
    GError *error = NULL;

    if (config->daemonize && !daemon_begin(&error)) {
        return fail(error);
    }
    if (config->pidfile && !daemon_pidfile(config->pidfile, &error)) {
        return fail(error);
    }
    if (config->process_name) {
        prctl(PR_SET_NAME, config->process_name);
    }
    if (config->mem_lock && mlockall(MCL_CURRENT | MCL_FUTURE) < 0) {
        error_set_errno(&error, errno, "mlockall");
        error_report("%s", error->message);
        g_clear_error(&error);
        error_report("locking memory failed");
        return false;
    }
    return true;
}

static bool start(Config *config)
{
    GError *error = NULL;

    if (!setup_logging(config) || !setup_help(config)) {
        return false;
    }
    if (config->done) {
        return true;
    }
    if (!prepare_process(config) || !setup_chardevs(config) || !setup_machine(config) || config->done ||
        !setup_monitors(config)) {
        return config->done;
    }
    main_loop_catch_signals(system_killed);
    if (!daemon_confine(config->chroot, config->run_as, &error)) {
        return fail(error);
    }
    if (config->sandbox && !sandbox_enter(config->sandbox, &error)) {
        return fail(error);
    }
    return setup_run(config);
}

/* Nothing else gets a number below 3: a disk image would be written to by the next warning. */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) == fd && fd != STDERR_FILENO) {
            chardev_no_stdio = "Failed to set FD nonblocking: Bad file descriptor";
        }
    }
}

int godwit_main(int argc, char **argv)
{
    Config config = { .no_reboot = false };
    const char *slash = argc ? strrchr(argv[0], '/') : NULL;
    int status = EXIT_FAILURE;

    log_set_program_name(slash ? slash + 1 : argc ? argv[0] : "godwit");
    fill_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    if (options_parse(&config, argc, argv)) {
        status = EXIT_SUCCESS;
    }
    if (status == EXIT_SUCCESS && !config.done) {
        main_loop_init();
        compat_install(release);
        memory_init();
        if (!start(&config)) {
            status = EXIT_FAILURE;
        } else if (!config.done) {
            daemon_ready();
            status = main_loop_run();
        }
        setup_teardown();
    }
    daemon_end();
    options_clear(&config);
    return status;
}
