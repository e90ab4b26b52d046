/* -sandbox: a seccomp filter over the whole process. */
#include "config-host.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

#include "system/setup.h"

#ifdef CONFIG_SECCOMP
#include <seccomp.h>

/* What nothing here ever needs; who calls it has been taken over. */
static const int never[] = {
    SCMP_SYS(reboot),        SCMP_SYS(swapon),          SCMP_SYS(swapoff),       SCMP_SYS(syslog),
    SCMP_SYS(mount),         SCMP_SYS(umount2),         SCMP_SYS(pivot_root),    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load), SCMP_SYS(init_module),   SCMP_SYS(finit_module),  SCMP_SYS(delete_module),
    SCMP_SYS(acct),          SCMP_SYS(quotactl),        SCMP_SYS(settimeofday),  SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),      SCMP_SYS(clock_adjtime),   SCMP_SYS(sethostname),   SCMP_SYS(setdomainname),
    SCMP_SYS(iopl),          SCMP_SYS(ioperm),          SCMP_SYS(ptrace),        SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev), SCMP_SYS(add_key),     SCMP_SYS(request_key),   SCMP_SYS(keyctl),
    SCMP_SYS(bpf),           SCMP_SYS(perf_event_open), SCMP_SYS(lookup_dcookie), SCMP_SYS(afs_syscall),
    SCMP_SYS(tuxcall),       SCMP_SYS(security),        SCMP_SYS(vserver),       SCMP_SYS(nfsservctl),
    SCMP_SYS(userfaultfd),   SCMP_SYS(vhangup),         SCMP_SYS(personality),
};
static const int obsolete[] = {
    SCMP_SYS(_sysctl),      SCMP_SYS(create_module), SCMP_SYS(get_kernel_syms), SCMP_SYS(query_module),
    SCMP_SYS(sysfs),        SCMP_SYS(uselib),        SCMP_SYS(ustat),           SCMP_SYS(getpmsg),
    SCMP_SYS(putpmsg),      SCMP_SYS(epoll_ctl_old), SCMP_SYS(epoll_wait_old),  SCMP_SYS(modify_ldt),
};
static const int privileges[] = {
    SCMP_SYS(setuid),    SCMP_SYS(setgid),    SCMP_SYS(setpgid),   SCMP_SYS(setsid),    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),  SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setfsuid),  SCMP_SYS(setfsgid),
    SCMP_SYS(setgroups), SCMP_SYS(capset),    SCMP_SYS(unshare),   SCMP_SYS(setns),     SCMP_SYS(chroot),
};
static const int spawning[] = { SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(execve), SCMP_SYS(execveat) };
static const int resources[] = {
    SCMP_SYS(setpriority),   SCMP_SYS(sched_setparam), SCMP_SYS(sched_setscheduler), SCMP_SYS(sched_setattr),
    SCMP_SYS(sched_setaffinity), SCMP_SYS(ioprio_set), SCMP_SYS(setrlimit),          SCMP_SYS(set_mempolicy),
    SCMP_SYS(migrate_pages), SCMP_SYS(move_pages),
};

/* A number that this kernel's headers do not have is no loss. */
static bool deny(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int rc = calls[i] == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, action, calls[i], 0);

        if (rc < 0 && rc != -EDOM && rc != -EINVAL) {
            errno = -rc;
            return false;
        }
    }
    return true;
}

/* No new process, but new threads; clone3, whose flags no filter can see, looks as if it were not there. */
static bool deny_spawn(scmp_filter_ctx ctx)
{
    return deny(ctx, SCMP_ACT_ERRNO(EPERM), spawning, G_N_ELEMENTS(spawning)) &&
           seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) == 0 &&
           seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

static bool is(const Json *options, const char *key, const char *otherwise, const char *value)
{
    return strcmp(json_member_string(options, key, otherwise), value) == 0;
}

#define DENY(ctx, action, set) deny(ctx, action, set, G_N_ELEMENTS(set))

bool sandbox_enter(const Json *options, GError **error)
{
    scmp_filter_ctx ctx;
    bool on, ok;
    int rc;

    if (!keyval_get_bool(options, "enable", true, &on, error) || !on) {
        return !on && !*error;
    }
    if (!is(options, "elevateprivileges", "allow", "allow") && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return error_set_errno(error, errno, "failed to set no_new_privs");
    }
    ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (!ctx) {
        return error_setf(error, "failed to initialize seccomp");
    }
    /* All threads, also those that are there already. */
    rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    ok = rc == 0 && DENY(ctx, SCMP_ACT_KILL_PROCESS, never) &&
         (is(options, "obsolete", "deny", "allow") || DENY(ctx, SCMP_ACT_KILL_PROCESS, obsolete)) &&
         (!is(options, "elevateprivileges", "allow", "deny") || DENY(ctx, SCMP_ACT_ERRNO(EPERM), privileges)) &&
         (!is(options, "spawn", "allow", "deny") || deny_spawn(ctx)) &&
         (!is(options, "resourcecontrol", "allow", "deny") || DENY(ctx, SCMP_ACT_ERRNO(EPERM), resources));
    if (ok) {
        rc = seccomp_load(ctx);
        ok = rc == 0;
        errno = -rc;
    }
    rc = errno;
    seccomp_release(ctx);
    return ok || error_set_errno(error, rc, "failed to install seccomp syscall filter in the kernel");
}
#else
bool sandbox_enter(const Json *options, GError **error)
{
    bool on;

    return keyval_get_bool(options, "enable", true, &on, error) &&
           (!on || error_setf(error, "-sandbox support is not enabled in this build"));
}
#endif
