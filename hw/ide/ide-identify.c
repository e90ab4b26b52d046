/* IDENTIFY DEVICE and IDENTIFY PACKET DEVICE (ACS 7.16 and 7.17): 256 little-endian words. */
#include <string.h>

#include "hw/ide/ide.h"
#include "util/byteorder.h"

enum { SERIAL_WORD = 10, SERIAL_CHARS = 20, VERSION_WORD = 23, VERSION_CHARS = 8, MODEL_WORD = 27, MODEL_CHARS = 40 };
enum { LBA28_SECTORS = 1 << 28, LOGICAL_TO_PHYSICAL = 1 << 13, IS_VALID = 1 << 14 };
enum { SATA_NCQ = 1 << 8, NCQ_DEPTH = 32 };
enum { WORD_SINGLE_DMA = 62, WORD_MULTI_DMA = 63, WORD_FEATURES_ON = 85, WORD_UDMA = 88, FEATURE_WRITE_CACHE = 1 << 5 };

static void put(IDEState *s, unsigned word, uint16_t value)
{
    store_le16(s->identify_data + 2 * word, value);
}

static void put_dword(IDEState *s, unsigned word, uint32_t value)
{
    put(s, word, value);
    put(s, word + 1, value >> 16);
}

/* Two characters a word, the first one in the high byte, padded with blanks. */
static void put_text(IDEState *s, unsigned word, const char *text, unsigned chars)
{
    size_t length = strnlen(text, chars);

    for (unsigned i = 0; i < chars; i++) {
        s->identify_data[2 * word + (i ^ 1)] = i < length ? text[i] : ' ';
    }
}

static void put_names(IDEState *s, const char *model)
{
    put_text(s, SERIAL_WORD, s->dev->serial, SERIAL_CHARS);
    put_text(s, VERSION_WORD, s->dev->version, VERSION_CHARS);
    put_text(s, MODEL_WORD, s->dev->model ? s->dev->model : model, MODEL_CHARS);
    if (s->dev->wwn) {
        for (unsigned i = 0; i < 4; i++) {
            put(s, 108 + i, s->dev->wwn >> (48 - 16 * i));
        }
    }
}

static void put_buffer_and_sata(IDEState *s)
{
    put(s, 20, 3);                  /* buffer type, size, bytes of ECC: of old drives */
    put(s, 21, 512);
    put(s, 22, 4);
    put(s, 75, NCQ_DEPTH - 1);
    put(s, 76, SATA_NCQ);
}

static void identify_disk(IDEState *s)
{
    const BlockConf *conf = &s->dev->conf;
    uint32_t chs = s->cylinders * s->heads * s->track_sectors;
    uint16_t wwn = s->dev->wwn ? 1 << 8 : 0;
    unsigned exponent = __builtin_ctz(conf->physical_block_size) - __builtin_ctz(conf->logical_block_size);

    put(s, 0, 0x0040);              /* fixed */
    put(s, 1, s->cylinders);
    put(s, 3, s->heads);
    put(s, 4, 512 * s->track_sectors);
    put(s, 5, 512);
    put(s, 6, s->track_sectors);
    put_names(s, "QEMU HARDDISK");
    put_buffer_and_sata(s);
    put(s, 47, 0x8000 | IDE_MULTIPLE_MAX);
    put(s, 48, 1);                  /* 32-bit PIO */
    put(s, 49, 1 << 11 | 1 << 9 | 1 << 8);  /* IORDY, LBA, DMA */
    put(s, 51, 0x200);
    put(s, 52, 0x200);
    put(s, 53, 7);                  /* words 54 to 58, 64 to 70 and 88 are valid */
    put(s, 54, s->cylinders);
    put(s, 55, s->heads);
    put(s, 56, s->track_sectors);
    put_dword(s, 57, chs);
    if (s->mult_sectors) {
        put(s, 59, 0x100 | s->mult_sectors);
    }
    put_dword(s, 60, MIN(s->sectors, LBA28_SECTORS - 1));
    put(s, WORD_SINGLE_DMA, 7);
    put(s, WORD_MULTI_DMA, 7);
    put(s, 64, 3);                  /* PIO 3 and 4 */
    for (unsigned word = 65; word <= 68; word++) {
        put(s, word, 120);          /* ns */
    }
    put(s, 69, 1 << 14);            /* trimmed sectors read the same each time */
    put(s, 80, 0xf0);               /* ATA 4 to 7 */
    put(s, 81, 0x16);
    put(s, 82, 1 << 14 | 1 << 5 | 1);                   /* NOP, write cache, SMART */
    put(s, 83, 1 << 14 | 1 << 13 | 1 << 12 | 1 << 10);  /* FLUSH CACHE (EXT), 48-bit */
    put(s, 84, 1 << 14 | wwn);
    put(s, WORD_FEATURES_ON, 1 << 14 | 1 | (block_backend_write_cache(s->blk) ? FEATURE_WRITE_CACHE : 0));
    put(s, 86, 1 << 13 | 1 << 12 | 1 << 10);
    put(s, 87, 1 << 14 | wwn);
    put(s, WORD_UDMA, 0x3f | 1 << 13);                  /* 0 to 5, 5 is on */
    put(s, 93, 1 | 1 << 14 | 1 << 13);
    put_dword(s, 100, s->sectors);
    put_dword(s, 102, s->sectors >> 32);
    put(s, 106, IS_VALID | (exponent ? LOGICAL_TO_PHYSICAL | exponent : LOGICAL_TO_PHYSICAL));
    put(s, 169, 1);                 /* TRIM */
    put(s, 217, s->dev->rotation_rate);
}

static void identify_cd(IDEState *s)
{
    uint16_t wwn = s->dev->wwn ? 1 << 8 : 0;

    put(s, 0, 2 << 14 | 5 << 8 | 1 << 7 | 2 << 5);      /* ATAPI, CD-ROM, removable, 12-byte packets */
    put_names(s, "QEMU DVD-ROM");
    put_buffer_and_sata(s);
    put(s, 48, 1);
    put(s, 49, 1 << 9 | 1 << 8);
    put(s, 53, 7);
    put(s, WORD_SINGLE_DMA, 7);
    put(s, WORD_MULTI_DMA, 7);
    put(s, 64, 3);
    put(s, 65, 180);
    put(s, 66, 180);
    put(s, 67, 300);
    put(s, 68, 180);
    put(s, 71, 30);
    put(s, 72, 30);
    put(s, 80, 0x1e);
    put(s, 84, wwn);
    put(s, 87, wwn);
    put(s, WORD_UDMA, 0x3f | 1 << 13);
}

void ide_identify(IDEState *s)
{
    if (!s->identify_set) {
        memset(s->identify_data, 0, sizeof(s->identify_data));
        if (s->kind == IDE_CDROM) {
            identify_cd(s);
        } else {
            identify_disk(s);
        }
        s->identify_set = 1;
    }
    memcpy(s->io_buffer, s->identify_data, sizeof(s->identify_data));
}

bool ide_set_transfer_mode(IDEState *s, uint8_t mode)
{
    uint16_t single = 7, multi = 7, ultra = 0x3f, chosen = 1 << ((mode & 7) + 8);

    switch (mode >> 3) {
    case 0:                         /* the default */
    case 1:                         /* PIO with flow control */
        break;
    case 2:
        single |= chosen;
        break;
    case 4:
        multi |= chosen;
        break;
    case 8:
        ultra |= chosen;
        break;
    default:
        return false;
    }
    put(s, WORD_SINGLE_DMA, single);
    put(s, WORD_MULTI_DMA, multi);
    put(s, WORD_UDMA, ultra);
    return true;
}

void ide_identify_write_cache(IDEState *s)
{
    put(s, WORD_FEATURES_ON, 1 << 14 | 1 | (block_backend_write_cache(s->blk) ? FEATURE_WRITE_CACHE : 0));
}
