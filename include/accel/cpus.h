/*
 * The threads of the CPUs: one each, made when the machine first runs. A CPU's state is in its env whenever its thread does
 * not execute: while the machine is stopped, while CPUs are paused, while it sleeps in HLT.
 */
#ifndef ACCEL_CPUS_H
#define ACCEL_CPUS_H

#include <stdbool.h>

/* CPUs will execute instructions: called once, when the accelerator is chosen. */
void cpus_enable(void);
/*
 * -icount: each instruction takes 1 << shift ns of guest time, and CPUs take turns. `sleep`: while all are halted the time
 * to the next timer is waited for; else guest time is there at once. Called before the CPUs run.
 */
void cpus_count(unsigned shift, bool sleep);
/* Holds all CPUs, so that their state can be looked at and changed; nests. With the big lock. */
void cpus_pause(void);
void cpus_resume(void);
/* The end: no CPU runs any more. */
void cpus_shutdown(void);

#endif
