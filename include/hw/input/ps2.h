/*
 * A keyboard and a mouse with a PS/2 plug: devices that take a byte at a time from their controller and keep what they
 * have to say in a queue, with a line that is up while there is something.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "hw/core/device.h"
#include "ui/input.h"

#define TYPE_PS2_DEVICE "ps2-device"
#define TYPE_PS2_KBD "ps2-kbd"
#define TYPE_PS2_MOUSE "ps2-mouse"
OBJECT_DECLARE_SIMPLE_TYPE(PS2State, PS2_DEVICE)
OBJECT_DECLARE_SIMPLE_TYPE(PS2Kbd, PS2_KBD)
OBJECT_DECLARE_SIMPLE_TYPE(PS2Mouse, PS2_MOUSE)

#define PS2_BUFFER_SIZE 256
#define PS2_QUEUE_SIZE 16       /* of what moves and strokes may fill; answers to commands come before them */

typedef struct PS2Queue {
    uint8_t data[PS2_BUFFER_SIZE];
    int32_t rptr, wptr, cwptr, count;   /* cwptr: the end of an answer that is being read, -1: none */
} PS2Queue;

struct PS2State {
    DeviceState parent_obj;
    /*
     * Answers go before what was queued already, and the controller's buffer holds what came first. QEMU before 6.1 had
     * neither, and other names in the stream's description.
     */
    bool answers_first;
    /* migrated */
    PS2Queue queue;
    int32_t write_cmd;          /* the command whose argument comes next; -1: none */
    /* derived */
    InputHandler *input;
    Irq *irq[1];
};

/* What the controller does. With nothing in the queue a read gives the last byte once more. */
uint8_t ps2_read(PS2State *s);
/* A byte as if the device had sent it. */
void ps2_queue(PS2State *s, uint8_t b);
void ps2_kbd_write(PS2Kbd *s, uint8_t value);
void ps2_mouse_write(PS2Mouse *s, uint8_t value);
/* A packet though nothing moved: its reader shall look elsewhere. */
void ps2_mouse_fake_event(PS2Mouse *s);
/* The controller turns the codes of set 2 into those of set 1. */
void ps2_kbd_set_translation(PS2Kbd *s, bool on);

#endif
