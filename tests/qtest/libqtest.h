/*
 * Starts a godwit under test control and plays its guest: ports, memory, time and interrupt lines over qtest, and the
 * management layer over QMP. Anything that goes wrong with the connection or the process fails the test that runs.
 *
 *     QTest *qt = qtest_start("8.0.1", "-M pc-7.2 -device pcie-root-port,id=rp0");
 *     g_assert_cmphex(qtest_inw(qt, 0xcfc), ==, 0x8086);
 *     qtest_quit(qt);
 */
#ifndef TESTS_QTEST_LIBQTEST_H
#define TESTS_QTEST_LIBQTEST_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/json.h"

typedef struct QTest QTest;

/*
 * Runs $GODWIT_BUILD/godwit-RELEASE (NULL: godwit) with the arguments, split as a shell does, and with qtest, a QMP
 * socket (negotiated already), -nodefaults and -display none. Its guest runs: there is no -S unless you give it.
 */
QTest *qtest_start(const char *release, const char *args, ...) G_GNUC_PRINTF(2, 3);
/* As qtest_start() of what must be refused: exit status 1. Returns stderr, without the program's name; caller frees. */
char *qtest_start_fails(const char *release, const char *args, ...) G_GNUC_PRINTF(2, 3);
/* QMP quit; the process must end with status 0. */
void qtest_quit(QTest *qt);
/* Waits for a process that ends by itself and frees qt; returns the exit status. */
int qtest_wait(QTest *qt);
int qtest_pid(const QTest *qt);
const char *qtest_dir(const QTest *qt);             /* a directory of its own, removed at the end */
char *qtest_stderr(const QTest *qt);                /* so far; caller frees */

/* Ports. */
uint8_t qtest_inb(QTest *qt, uint16_t port);
uint16_t qtest_inw(QTest *qt, uint16_t port);
uint32_t qtest_inl(QTest *qt, uint16_t port);
void qtest_outb(QTest *qt, uint16_t port, uint8_t value);
void qtest_outw(QTest *qt, uint16_t port, uint16_t value);
void qtest_outl(QTest *qt, uint16_t port, uint32_t value);

/* Memory: one access each, or a buffer of up to 16 MiB. */
uint8_t qtest_readb(QTest *qt, uint64_t addr);
uint16_t qtest_readw(QTest *qt, uint64_t addr);
uint32_t qtest_readl(QTest *qt, uint64_t addr);
uint64_t qtest_readq(QTest *qt, uint64_t addr);
void qtest_writeb(QTest *qt, uint64_t addr, uint8_t value);
void qtest_writew(QTest *qt, uint64_t addr, uint16_t value);
void qtest_writel(QTest *qt, uint64_t addr, uint32_t value);
void qtest_writeq(QTest *qt, uint64_t addr, uint64_t value);
void qtest_memread(QTest *qt, uint64_t addr, void *buf, size_t length);
void qtest_memwrite(QTest *qt, uint64_t addr, const void *buf, size_t length);
void qtest_memset(QTest *qt, uint64_t addr, uint8_t value, size_t length);

/* Guest time, in ns; each returns the new time. */
int64_t qtest_clock_step(QTest *qt, int64_t ns);
int64_t qtest_clock_step_next(QTest *qt);           /* to the next timer */
int64_t qtest_clock_set(QTest *qt, int64_t ns);

/* Interrupt lines of one device, by QOM path. From then on qtest_irq() is the level of a line. */
void qtest_irq_intercept_in(QTest *qt, const char *path);
void qtest_irq_intercept_out(QTest *qt, const char *path);
bool qtest_irq(QTest *qt, int n);
unsigned qtest_irq_raised(const QTest *qt, int n);  /* how often it went up since the interception */
void qtest_set_irq_in(QTest *qt, const char *path, const char *name, int n, int level); /* name NULL: unnamed */

/* Any command; the reply's line. Caller frees. */
char *qtest_command(QTest *qt, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * QMP: `format` is the text of the whole command, {'execute': …}, single quotes taken. The reply object; caller frees.
 * qtest_qmp_ok() fails the test on an error and returns the value of "return"; qtest_qmp_error() the other way round,
 * and returns the description.
 */
Json *qtest_qmp(QTest *qt, const char *format, ...) G_GNUC_PRINTF(2, 3);
Json *qtest_qmp_ok(QTest *qt, const char *format, ...) G_GNUC_PRINTF(2, 3);
char *qtest_qmp_error(QTest *qt, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* human-monitor-command: what it printed. Caller frees. */
char *qtest_hmp(QTest *qt, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The next event of that name, waited for; earlier ones of other names are kept. Caller frees. */
Json *qtest_event(QTest *qt, const char *name);
/* Whether one came already; keeps it. */
bool qtest_has_event(QTest *qt, const char *name);

#endif
