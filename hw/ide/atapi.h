/* Inside the CD-ROM drive: packet commands, and how they end. */
#ifndef HW_IDE_ATAPI_H
#define HW_IDE_ATAPI_H

#include "hw/ide/ide.h"

#define ATAPI_BLOCK 2048u
#define ATAPI_RAW_BLOCK 2352u

enum { SENSE_NOT_READY = 2, SENSE_ILLEGAL_REQUEST = 5, SENSE_UNIT_ATTENTION = 6 };
/* Additional sense codes (SPC, annex D). */
enum {
    ASC_ILLEGAL_OPCODE = 0x20, ASC_BLOCK_OUT_OF_RANGE = 0x21, ASC_INVALID_FIELD = 0x24, ASC_MEDIUM_CHANGED = 0x28,
    ASC_INCOMPATIBLE_FORMAT = 0x30, ASC_NO_SAVING = 0x39, ASC_NO_MEDIUM = 0x3a, ASC_DATA_PHASE = 0x4b,
    ASC_REMOVAL_PREVENTED = 0x53,
};

enum { ATAPI_ALLOW_ATTENTION = 1 << 0, ATAPI_CHECK_READY = 1 << 1, ATAPI_NO_DATA = 1 << 2 };

typedef struct AtapiCommand {
    void (*fn)(IDEState *s, const uint8_t *packet);
    unsigned flags;
} AtapiCommand;

/* NULL: there is no such command. */
const AtapiCommand *atapi_command(uint8_t opcode);

/* One of these ends each packet. */
void atapi_ok(IDEState *s);
void atapi_error(IDEState *s, uint8_t key, uint8_t asc);
void atapi_reply(IDEState *s, uint32_t size, uint32_t max);
/* False: the packet ended with an error. */
bool atapi_check_range(IDEState *s, uint32_t lba, uint32_t blocks);
void atapi_read(IDEState *s, uint32_t lba, uint32_t blocks, uint32_t block_size);

uint64_t atapi_blocks(const IDEState *s);       /* of 2048 bytes */
bool atapi_medium_present(const IDEState *s);
bool atapi_takes_data(const IDEState *s);

#endif
