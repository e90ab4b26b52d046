/*
 * Input: events from whoever types and points (QMP, HMP) to the devices that a guest reads them from.
 *
 * A device registers a handler with the kinds of events that it takes. An event goes to the first handler of its kind; a
 * device that the guest turned on puts itself first. Nothing is delivered while the machine does not run.
 */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include <glib.h>
#include <stdbool.h>

#include "ui/keys.h"

typedef enum { INPUT_KEY, INPUT_BUTTON, INPUT_RELATIVE, INPUT_ABSOLUTE } InputKind;
enum { INPUT_MASK_KEY = 1, INPUT_MASK_BUTTON = 2, INPUT_MASK_RELATIVE = 4, INPUT_MASK_ABSOLUTE = 8 };

/* In QMP's order. */
typedef enum {
    INPUT_BUTTON_LEFT, INPUT_BUTTON_MIDDLE, INPUT_BUTTON_RIGHT, INPUT_BUTTON_WHEEL_UP, INPUT_BUTTON_WHEEL_DOWN,
    INPUT_BUTTON_SIDE, INPUT_BUTTON_EXTRA, INPUT_BUTTON_WHEEL_LEFT, INPUT_BUTTON_WHEEL_RIGHT,
} InputButton;
enum { INPUT_AXIS_X, INPUT_AXIS_Y };

#define INPUT_ABSOLUTE_MAX 0x7fff

typedef struct InputEvent {
    InputKind kind;
    unsigned code;          /* a UiKey, an InputButton or an axis */
    bool down;              /* keys and buttons */
    int64_t value;          /* axes: a distance, or a place from 0 to INPUT_ABSOLUTE_MAX */
} InputEvent;

typedef struct InputDevice {
    const char *name;       /* "QEMU PS/2 Mouse" */
    unsigned mask;          /* INPUT_MASK_* */
    void (*event)(void *opaque, const InputEvent *event);
    void (*sync)(void *opaque);     /* after the events that belong together; may be NULL */
} InputDevice;

typedef struct InputHandler InputHandler;

InputHandler *input_register(const InputDevice *device, void *opaque);
void input_unregister(InputHandler *handler);       /* NULL is fine */
void input_activate(InputHandler *handler);         /* first of all from now on */

/* Whether somebody takes events of the kind. */
bool input_has_handler(InputKind kind);
/* Delivers it if the machine runs. input_sync() ends what belongs together. */
void input_send(const InputEvent *event);
void input_sync(void);
/*
 * Key strokes with time between them: a key (with its own sync), and a pause of so many ms of guest time before what
 * comes next. What does not fit into a queue of 1024 is lost.
 */
void input_queue_key(UiKey key, bool down);
void input_queue_delay(uint32_t ms);
#define INPUT_DELAY_DEFAULT 10

/* Mice (what takes relative or absolute movement), in order; the first is the current one. */
typedef struct InputMouse {
    const char *name;
    int index;              /* never used twice */
    bool absolute;
} InputMouse;
void input_foreach_mouse(void (*fn)(const InputMouse *mouse, void *opaque), void *opaque);
/* Puts the mouse of that index first; false: there is none. */
bool input_choose_mouse(int index);

#endif
