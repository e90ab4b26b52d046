/*
 * The qtest server: a test on the other end of a character device plays the guest's CPU. One command a line, as QEMU
 * has them (`inl 0xcf8`, `write 0x1000 0x4 0x01020304`, `clock_step`), one reply a line (`OK …`, `FAIL …`), and between
 * them `IRQ raise N` and `IRQ lower N` for the device whose lines are intercepted.
 */
#ifndef SYSTEM_QTEST_H
#define SYSTEM_QTEST_H

#include <glib.h>
#include <stdbool.h>

/* `-accel qtest`: nothing executes, and guest time is the test's. Before the machine is made. */
void qtest_enable(void);
bool qtest_enabled(void);

/*
 * `-qtest CHARDEV`, `-qtest-log FILE`: serves on the character device (short form, "unix:PATH,server=on"). log NULL:
 * stderr; "none": no log.
 */
bool qtest_init(const char *chardev, const char *log, GError **error);

#endif
