/*
 * The two 8259A interrupt controllers of a PC, cascaded on line 2 (Intel 231468; the ELCR of Intel 290473).
 */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include "hw/isa/isa.h"

#define TYPE_ISA_I8259 "isa-i8259"
OBJECT_DECLARE_SIMPLE_TYPE(I8259, ISA_I8259)

/*
 * Makes master and slave on the bus; `output` is the master's INT line, towards the CPU. Fills the 16 input lines.
 * Returns the master.
 */
I8259 *i8259_new_pair(ISABus *bus, Irq *output, Irq *inputs[ISA_NUM_IRQS]);
/* An interrupt acknowledge cycle of the CPU: the vector; a spurious one (line 7) if nothing asks any more. */
uint8_t i8259_acknowledge(I8259 *master);
/* For `info pic` and `info irq`: the registers of both; how often which line came up. */
void i8259_print(const I8259 *master, GString *out);
void i8259_print_counts(const I8259 *master, GString *out);

#endif
