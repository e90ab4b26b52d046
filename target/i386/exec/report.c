/* What the engines hold, in words. */
#include "target/i386/exec/engine.h"

typedef struct Totals {
    size_t used, room, blocks, bytes, longest, crossing;
} Totals;

static void add_engine(Totals *t, const X86ExecPrivate *p)
{
    t->used += p->arena_used;
    t->room += p->arena ? X86_ARENA_SIZE : 0;
    for (unsigned i = 0; i < BLOCK_BUCKETS; i++) {
        for (const X86Block *b = p->blocks[i]; b; b = b->hash_next) {
            t->blocks++;
            t->bytes += b->bytes;
            t->longest = MAX(t->longest, b->bytes);
            t->crossing += b->second != NULL;
        }
    }
}

void x86_exec_report(GString *out)
{
    Totals t = { 0 };

    for (unsigned i = 0; i < x86_cpu_count(); i++) {
        const X86CPU *cpu = x86_cpu_by_index(i);

        if (cpu->exec) {
            add_engine(&t, cpu->exec->engine);
        }
    }
    g_string_append_printf(out, "Translation buffer state:\ngen code size       %zu/%zu\nTB count            %zu\n",
                           t.used, t.room, t.blocks);
    g_string_append_printf(
        out, "TB avg target size  %zu max=%zu bytes\nTB avg host size    %zu bytes (expansion ratio: %0.1f)\n",
        t.blocks ? t.bytes / t.blocks : 0, t.longest, t.blocks ? t.used / t.blocks : 0,
        t.bytes ? (double)t.used / t.bytes : 0);
    g_string_append_printf(out, "cross page TB count %zu (%zu%%)\n", t.crossing,
                           t.blocks ? t.crossing * 100 / t.blocks : 0);
}
