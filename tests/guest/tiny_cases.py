"""The cases of tiny.py: (name, privilege level, code). Code may use every register; what it leaves undefined it must
not show."""

PER_IMAGE = 220
SEL = 0x40          # SPARE_SEL's descriptor, which cases make their own


def descriptor(access, base=0x30000, limit=0xfff, flags=4, selector=SEL):
    low = (limit & 0xffff) | (base & 0xffff) << 16
    high = (base >> 16 & 0xff) | access << 8 | (limit >> 16) << 16 | flags << 20 | (base & 0xff000000)
    return f"movl ${low:#x}, GDT + {selector:#x}; movl ${high:#x}, GDT + {selector + 4:#x};"


def gate(access, selector, offset, at, count=0):
    """offset: an expression."""
    return (f"mov ${offset}, %eax; movw %ax, {at}; movw ${selector:#x}, {at} + 2; "
            f"movw ${access << 8 | count:#x}, {at} + 4; shr $16, %eax; movw %ax, {at} + 6;")


def here(label):
    return f"CODE + ({label} - 0b)"


TYPES = [*range(0x80, 0xa0), 0xf2, 0xf3, 0xfa, 0xfe, 0x12, 0x1a, 0x13, 0xd2, 0xb2, 0xda, 0xde]


def segment_loads():
    for ring in 0, 3:
        for reg in "ds", "ss", "fs":
            for access in TYPES:
                for rpl in (0, 3) if access in (0x92, 0x9a, 0x9e, 0xf2, 0xfa) else (ring,):
                    shape = (0, 0 if access & 0x1c == 0x14 else 0xfffff, 0xc) if reg == "ss" else ()
                    yield (f"ring {ring} {reg} type {access:02x} rpl {rpl}", ring, descriptor(access, *shape) +
                           f"mov ${SEL | rpl}, %eax; mov %ax, %{reg}; mov %cs:GDT + {SEL + 4}, %ebx")
        for reg in "ds", "ss":
            for selector in 0, 1, 3, 0x44, 0x70, 0x1000:
                yield f"ring {ring} {reg} selector {selector:04x}", ring, f"mov ${selector}, %eax; mov %ax, %{reg}"
        yield f"ring {ring} mov to cs", ring, ".byte 0x8e, 0xc8"


def examinations():
    for ring in 0, 3:
        for access in TYPES:
            yield (f"ring {ring} lar lsl verr verw type {access:02x}", ring, descriptor(access, flags=0xc) +
                   f"mov ${SEL | ring}, %ecx; lar %ecx, %eax; setz %bl; lsl %ecx, %edx; setz %bh; verr %cx; setz %ch; "
                   f"verw %cx; setz %cl; movzx %cx, %ecx")
    for selector in 0, 3, 0x44, 0x70:
        yield (f"lar lsl selector {selector:02x}", 0, f"mov ${selector}, %ecx; lar %ecx, %eax; setz %bl; "
               f"lsl %ecx, %edx; setz %bh")
    for a, b in (0, 3), (3, 0), (1, 2), (2, 2):
        yield f"arpl {a} {b}", 0, f"mov ${a}, %eax; mov ${b}, %ecx; arpl %cx, %ax; setz %bl"


def far_transfers():
    for ring in 0, 3:
        for what in "ljmp", "lcall":
            for access in TYPES:
                if access & 0x1f in (1, 3, 4, 9, 11, 12):
                    continue
                yield (f"ring {ring} {what} type {access:02x}", ring, descriptor(access, 0, 0xfffff, 0xc) +
                       f"{what} ${SEL | ring}, ${here('1f')}; nop; 1: mov %cs, %ebx; movzx %bx, %ebx")
            for access in 0x84, 0x8c, 0xe4, 0xec, 0x6c:
                for target in 0x08, 0x10, 0x1b, 0, 0x70:
                    wide = access & 8       # the others reach 64 KiB
                    yield (f"ring {ring} {what} gate {access:02x} to {target:02x}", ring, "movw $0xf0cd, LOW;" +
                           gate(access, target, here("1f") if wide else "LOW", f"GDT + {SEL}", 2) + f"push $0x1234; "
                           f"push $0x5678; {what} ${SEL | ring}, $0; nop; 1: mov %cs, %ebx; mov (%esp), %ecx; "
                           "mov 4(%esp), %edx; mov 8(%esp), %esi; mov 12(%esp), %edi; mov 16(%esp), %ebp")
        for offset in 0xfff, 0x1000:
            yield (f"ring {ring} ljmp limit {offset:x}", ring, descriptor(0x9b if ring == 0 else 0xfb, 0x20000) +
                   f"movb $0xcc, CODE + 0xfff; ljmp ${SEL | ring}, ${offset:#x}")
        for access in TYPES:
            if access >= 0x90:
                for rpl in {ring, 3}:
                    yield (f"ring {ring} retf type {access:02x} rpl {rpl}", ring,
                           descriptor(access, 0, 0xfffff, 0xc) + f"push $0x23; push $CODE_STACK - 64; "
                           f"push ${SEL | rpl}; push ${here('1f')}; lret; nop; 1: mov %cs, %ebx; movzx %bx, %ebx")
        for ss in 0, 0x10, 0x13, 0x23, 0x20, 0x1b, 0x70:
            yield (f"ring {ring} iret to user with ss {ss:02x}", ring, f"push ${ss}; push $CODE_STACK - 64; "
                   f"push $0x202; push $0x1b; push ${here('1f')}; iret; nop; 1: pushf; pop %ebx")
    yield "iret keeps vm from users", 3, f"push $0x20002; push $0x1b; push ${here('1f')}; iret; 1: pushf; pop %ebx"
    yield ("retf with release", 3, f"push $0x1111; push $0x2222; push $0x1b; push ${here('1f')}; lret $8; "
           f"1: mov %esp, %ebx")


def gates():
    for ring in 0, 3:
        for access in (*range(0x80, 0x90), *range(0xe4, 0xf0), 0x6e, 0x92):
            for what in ("int $0x80",):
                yield (f"ring {ring} {what} gate {access:02x}", ring, "movw $0xf0cd, LOW;" +
                       gate(access, 0x08, "stubs + 16 * 0x80" if access & 8 else "LOW", "IDT + 0x80 * 8") +
                       ("movw $0x70, IDT + 0x80 * 8 + 2;" if access & 15 == 5 else "") + what)
        for target in 0, 0x0b, 0x10, 0x1b, 0x28, 0x70, SEL:
            yield (f"ring {ring} int through gate to {target:02x}", ring, descriptor(0x1a, 0, 0xfffff, 0xc) +
                   gate(0xee, target, "stubs + 16 * 0x80", "IDT + 0x80 * 8") + "int $0x80")
        for what in ("int3", "mov $0x7f, %al; add $1, %al; into", ".byte 0xf1", "ud2", "bound %eax, DATA",
                     "xor %eax, %eax; div %eax", "aam $0", ".byte 0xf0, 0x90", ".byte 0x0f, 0xff, 0xc0", "hlt", "cli",
                     "sti", "clts", "mov %cr0, %eax", "mov %eax, %cr3", "mov %dr0, %eax", "lgdt DATA", "lidt DATA",
                     "lldt %ax", "ltr %ax", "lmsw %ax", "invlpg DATA", "invd", "wbinvd", "rdmsr", "wrmsr", "rdpmc",
                     "in $0x21, %al", "in %dx, %eax", "out %al, $0x80", "insb", "outsl", "rsm", "sysexit", "sysenter",
                     "int $0xf3", "mov %cr1, %eax", "mov %cr5, %eax", ".byte 0x8d, 0xc0", ".byte 0xc4, 0xc0",
                     ".byte 0x0f, 0x01, 0xf8"):
            if ring == 3 or what not in ("hlt", "lgdt DATA", "lidt DATA"):
                yield f"ring {ring} {what}", ring, what
    for idt_limit in 0x3ff, 0x406, 0x407:
        yield (f"int with an idt limit of {idt_limit:x}", 0, f"push $IDT >> 16; "
               f"push $((IDT & 0xffff) << 16) | {idt_limit}; lidt (%esp); int $0x80")
    for bad, name in (0x23, "user data"), (0, "null"), (0x70, "beyond"), (0x08, "code"), (SEL, "absent"):
        yield (f"inner stack is {name}", 3, descriptor(0x12, 0, 0xfffff, 0xc) + f"movl ${bad}, TSS + 8; " +
               gate(0x85, SEL + 8, "0", "IDT + 10 * 8") + gate(0x85, SEL + 8, "0", "IDT + 12 * 8") +
               task(SEL + 8, "stubs + 16 * 10") + "int $0xf1")


def task(selector, eip, access=0x89, limit=0x67, cs=0x08, ss=0x10, ds=0x10, flags=2, ldt=0, tss="TSS2"):
    tss32 = access & 8
    code = descriptor(access, 0x2400 if tss == "TSS2" else 0x2600, limit, 0, selector)
    if tss32:
        return (code + (f"movl $INNER_STACK, {tss} + 4; movl $0x10, {tss} + 8; movl ${eip}, {tss} + 0x20; "
                        f"movl ${flags:#x}, {tss} + 0x24; movl $0xaaaa, {tss} + 0x28; movl $0xbbbb, {tss} + 0x34; "
                        f"movl $INNER_STACK - 256, {tss} + 0x38; movl ${ds:#x}, {tss} + 0x48; "
                        f"movl ${cs:#x}, {tss} + 0x4c; movl ${ss:#x}, {tss} + 0x50; movl ${ds:#x}, {tss} + 0x54; "
                        f"movl ${ldt:#x}, {tss} + 0x60;"))
    return (code + (f"mov ${eip}, %eax; movw %ax, {tss} + 0x0e; movw ${flags & 0xffff:#x}, {tss} + 0x10; "
                    f"movw $0xaaaa, {tss} + 0x12; movw $0x5000, {tss} + 0x1a; movw $0x10, {tss} + 0x22; "
                    f"movw ${cs:#x}, {tss} + 0x24; movw ${ss:#x}, {tss} + 0x26; movw ${ds:#x}, {tss} + 0x28; "
                    f"movw ${ldt:#x}, {tss} + 0x2a;"))


def tasks():
    show = "mov TSS + 0x20, %ebx; mov TSS2, %ecx; mov %cs:GDT + 0x34, %edx; mov %cs:GDT + 0x44, %esi; mov %cr0, %edi; "
    for ring in 0, 3:
        for what in "ljmp", "lcall":
            for access in 0x89, 0x8b, 0xe9, 0x09, 0x69, 0x81, 0x83:
                if access & 8:
                    yield (f"ring {ring} {what} task {access:02x}", ring, task(SEL, here("1f"), access) +
                           f"{what} ${SEL | ring}, $0; nop; 1: {show}")
    base = "ljmp $0x40, $0; nop; 1: " + show
    # What is found in the new task is reported by a third one: this one's stack may be none.
    report = (task(SEL + 16, "stubs + 16 * 10", tss="TSS3") +
              "".join(gate(0x85, SEL + 16, "0", f"IDT + {v} * 8") for v in (10, 11, 12, 13)))
    for limit in 0x66, 0x67, 0x2b:
        yield f"task limit {limit:x}", 0, task(SEL, here("1f"), limit=limit) + base
    for part, values in (("cs", (0, 0x10, 0x1b, 0x70, 0x0b, 0x28)), ("ss", (0, 0x08, 0x23, 0x70, 0x11)),
                         ("ds", (0, 3, 0x08, 0x70, 0x23, 0x13)), ("ldt", (4, 0x08, 0x70, 0x30))):
        for value in values:
            yield f"task with {part} {value:02x}", 0, report + task(SEL, here("1f"), **{part: value}) + base
    yield "task with trap flag t", 0, task(SEL, here("1f")) + "movw $1, TSS2 + 0x64; " + base
    yield ("task at level 3", 0, task(SEL, here("1f"), cs=0x1b, ss=0x23, ds=0x23, flags=0x3202) + "ljmp $0x40, $0; "
           "nop; 1: mov %cs, %ebx; pushf; pop %ecx; cli")
    yield ("task call and iret", 0, task(SEL, here("1f")) + "lcall $0x40, $0; jmp 2f; 1: mov $5, %ecx; iret; "
           "2: pushf; pop %ebx; " + "mov TSS2 + 0x2c, %ecx; mov TSS2 + 0x20, %edx; mov %cs:GDT + 0x34, %esi; "
           "mov %cs:GDT + 0x44, %edi")
    yield "task jump and iret without a link", 0, task(SEL, here("1f"), flags=0x4002) + "ljmp $0x40, $0; 1: iret"
    yield ("task gate in the gdt", 0, task(SEL, here("1f")) + gate(0x85, SEL, "0", "GDT + 0x48") +
           "lcall $0x48, $0; 1: " + show)
    yield ("task gate for users", 3, task(SEL, here("1f")) + gate(0xe5, SEL, "0", "GDT + 0x48") +
           "lcall $0x4b, $0; 1: " + show)
    yield "task gate to nothing", 0, gate(0x85, 0x70, "0", "GDT + 0x48") + "lcall $0x48, $0"
    yield "task gate to the current task", 0, gate(0x85, 0x30, "0", "GDT + 0x48") + "lcall $0x48, $0"
    yield ("exception by task gate", 0, task(SEL, here("1f")) + gate(0x85, SEL, "0", "IDT + 13 * 8") +
           "mov $0x70, %eax; mov %ax, %ds; nop; 1: pop %ebp; " + show)
    yield ("debug registers of the task", 0, task(SEL, here("1f")) + "mov $0x355, %eax; mov %eax, %dr7; "
           "ljmp $0x40, $0; 1: mov %dr7, %ebx")


def limits():
    for ring in 0, 3:
        for access, flags in (0x92, 4), (0x96, 4), (0x96, 0), (0x90, 4), (0x9a, 4), (0x98, 4):
            access |= ring << 5
            for offset in 0, 0xffc, 0xffd, 0x1000, 0xfffc, 0xfffd, 0x10000:
                for what in "mov %ds:{}, %ebx", "mov %ebx, %ds:{}":
                    kind = "load" if what.startswith("mov %ds") else "store"
                    yield (f"seg ring {ring} {kind} type {access:02x}.{flags} at {offset:x}", ring,
                           descriptor(access, 0x30000, 0xfff, flags) + f"mov ${SEL | ring}, %eax; mov %ax, %ds; "
                           f"{what.format(hex(offset))}")
    for sp in 0, 2, 4, 0xfffc, 0x10000:
        for what in "push %eax", "pop %eax", "call .+5", "pusha", "enter $8, $0", "leave":
            yield f"stack of 4 KiB at {sp:x} {what}", 0, stack_case(sp, what)


def stack_case(sp, what):
    """Faults go through a task gate: the stack is no good for a frame."""
    return (descriptor(0x92, 0x30000, 0xfff, 4) + task(SEL + 8, "stubs + 16 * 12") +
            gate(0x85, SEL + 8, "0", "IDT + 12 * 8") + f"mov ${SEL}, %eax; mov ${sp:#x}, %ebx; mov %ebx, %ebp; "
            f"mov %ax, %ss; mov %ebx, %esp; {what}; mov %esp, %ebx; mov $0x10, %eax; "
            "mov %ax, %ss; mov $CODE_STACK, %esp")


def vm86():
    """Code of 16 bits at 2000:0 and on."""
    def enter(flags, code):
        return (f"push $0; push $0; push $0x3000; push $0x3000; push $0x2000; push $0x7000; push ${flags:#x}; "
                f"push $0x2000; push $1f - 0b; iret; .code16; 1: {code}; int $0xf0; .code32")
    for iopl in 0, 3:
        for code in ("cli", "sti", "pushfw; pop %bx", "pushfl; pop %ebx", "pushw $0x7202; popfw; pushfw; pop %bx",
                     "int3", "int $0x21", "iretw", "hlt", "in $0x21, %al", "mov %cr0, %eax", "lldt %ax",
                     "lar %ax, %ax", "smsw %bx", "sgdtw 0x100", "str %ax", "mov %cs, %bx; mov %ds, %cx",
                     "mov $0x1234, %ax; mov %ax, %es", "ljmp $0x2000, $2f - 0b; 2: mov $5, %bx", "lock; incw 0x10",
                     "ud2", "into", "xor %ax, %ax; div %ax", "mov $0x70, %ax; mov %ax, %ss", "arpl %ax, %bx", "clts",
                     "wbinvd", "rdmsr", "sysenter"):
            yield f"vm86 iopl {iopl} {code}", 0, enter(0x20002 | iopl << 12, code)
        for code in "mov 0xffff, %ax", "mov $0x10000, %eax; movb (%eax), %bl":
            yield f"seg vm86 iopl {iopl} {code}", 0, enter(0x20002 | iopl << 12, code)


def debugging():
    yield "single step", 0, "pushf; orl $0x100, (%esp); popf; nop; nop"
    yield "single step of mov ss", 0, "mov $0x10, %ecx; pushf; orl $0x100, (%esp); popf; mov %cx, %ss; nop; nop"
    yield "single step of pop ss", 0, "push $0x10; pushf; orl $0x100, (%esp); popf; pop %ss; nop; nop"
    yield "single step of int3", 0, "pushf; orl $0x100, (%esp); popf; int3"
    yield "single step of a fault", 0, "pushf; orl $0x100, (%esp); popf; ud2"
    yield "single step of popf", 0, "push $2; pushf; orl $0x100, (%esp); popf; popf; nop"
    yield ("single step of a repetition", 0, "mov $DATA, %esi; mov $DATA + 64, %edi; mov $4, %ecx; pushf; "
           "orl $0x100, (%esp); popf; rep movsb; nop")
    for n, (length, kind) in enumerate(((0, 1), (1, 1), (3, 1), (0, 3), (1, 3), (3, 3))):
        for at in 0, 1, 2, 3, 4:
            for what in "movb $1, DATA + {}", "movb DATA + {}, %bl", "movw $1, DATA + {}", "movl DATA + {}, %ebx":
                aligned = at % (1 if "b " in what else 2 if "w " in what else 4) == 0
                shape = f"{n % 4} length {length} kind {kind}"
                yield (f"{'' if aligned else 'unaligned '}breakpoint {shape} {what.format(at)}", 0,
                       f"mov $DATA, %eax; mov %eax, %dr{n % 4}; "
                       f"mov ${0x400 | 2 << n % 4 * 2 | (length << 2 | kind) << (16 + n % 4 * 4):#x}, %eax; "
                       f"mov %eax, %dr7; {what.format(at)}; nop")
    yield ("code breakpoint", 0, f"mov ${here('1f')}, %eax; mov %eax, %dr2; mov $0x410, %eax; mov %eax, %dr7; nop; "
           f"1: mov $1, %ebx; nop")
    yield "general detect", 0, "mov $0x2400, %eax; mov %eax, %dr7; mov %dr0, %ebx"
    yield "general detect is cleared", 0, "mov $0x2400, %eax; mov %eax, %dr7; mov %dr7, %ebx"
    yield "dr4 is dr6", 0, "mov %dr4, %ebx; mov %dr5, %ecx"
    yield "dr4 with de", 0, "mov $8, %eax; mov %eax, %cr4; mov %dr4, %ebx"
    yield ("fixed bits of dr6 and dr7", 0, "mov $-1, %eax; mov %eax, %dr6; mov %dr6, %ebx; mov $0xffffdc00, %eax; "
           "mov %eax, %dr7; mov %dr7, %ecx; xor %eax, %eax; mov %eax, %dr6; mov %dr6, %edx; mov %eax, %dr7; "
           "mov %dr7, %esi")


def io_map():
    for size, insn in (1, "in %dx, %al"), (2, "in %dx, %ax"), (4, "in %dx, %eax"), (1, "insb"), (4, "outsl"):
        for port in 0x378, 0x379, 0x37b, 0x37e, 0x37f, 0x380:
            yield (f"io map port {port:x} {insn}", 3, "mov $DATA, %esi; mov $DATA, %edi; "
                   "movb $0xf0, TSS + 0x68 + 0x378 / 8; movb $0xff, TSS + 0x68 + 0x380 / 8; " f"mov ${port:#x}, %edx; "
                   f"mov $0, %eax; {insn}; xor %eax, %eax; xor %esi, %esi")
    yield "io map beyond the limit", 3, "mov $0xffff, %edx; in %dx, %al"
    yield ("io with iopl", 0, f"push $0x23; push $CODE_STACK; push $0x3002; push $0x1b; push ${here('1f')}; iret; "
           f"1: in $0x80, %al; cli; xor %eax, %eax")


def control():
    for value in 0x20000011, 0x60000011, 0x7ffaffc1, 0x19, 0x1b:
        yield f"cr0 {value:x}", 0, f"mov ${value:#x}, %eax; mov %eax, %cr0; mov %cr0, %ebx"
    for value in 0x20, 0x90, 0x600, 0x800, 0x10000, 0x40000, 0x100000, 0x200000, 4, 8, 0x100:
        yield f"cr4 {value:x}", 0, f"mov ${value:#x}, %eax; mov %eax, %cr4; mov %cr4, %ebx"
    for code in "lmsw", "smsw":
        yield (code, 0, "mov $0xf, %eax; lmsw %ax; mov %cr0, %ebx; xor %eax, %eax; lmsw %ax; smsw %ecx; smsw DATA; "
               "mov DATA, %edx")
    for insn in "sgdt DATA", "sidt DATA", "sldt %eax", "str %eax", "smsw %eax":
        for ring in 0, 3:
            yield (f"umip ring {ring} {insn}", 0, (f"mov $0x800, %eax; mov %eax, %cr4; push $0x23; push $CODE_STACK; "
                                                   f"push $2; push $0x1b; push ${here('1f')}; " +
                                                   ("iret; " if ring else "add $20, %esp; ") + f"1: {insn}"))
    for flags in 0, 0x3000, 0x4000, 0x200, 0x40000, 0x200000, 0x3f7fd7 & ~0x100 & ~0x20000:
        for ring in 0, 3:
            yield f"ring {ring} popf {flags:x}", ring, f"push ${flags | 2:#x}; popf; pushf; pop %ebx; push $2; popf"


def apic():
    """The local APIC as its CPU sees it, through registers at fixed addresses."""
    on = "movl $0x1ff, 0xfee000f0; movl $0, 0xfee00080; "
    yield ("apic registers", 0, "mov 0xfee00020, %eax; mov 0xfee00030, %ebx; mov 0xfee000d0, %ecx; "
           "mov 0xfee000e0, %edx; mov 0xfee000f0, %esi; mov 0xfee00350, %edi; mov 0xfee00080, %ebp")
    yield ("apic writes", 0, on + "movl $0x12345678, 0xfee000d0; mov 0xfee000d0, %eax; movl $0x5fffffff, 0xfee000e0; "
           "mov 0xfee000e0, %ebx; movl $0x10050, 0xfee00370; mov 0xfee00370, %ecx; movl $0x35, 0xfee00080; "
           "mov 0xfee00080, %edx; mov 0xfee000a0, %esi; movl $0, 0xfee00080")
    yield ("apic self ipi waits for if", 0, on + "movl $0x400f5, 0xfee00300; mov 0xfee00270, %ebx; "
           "mov 0xfee00170, %ecx; sti; nop; nop")
    yield ("apic interrupt is in service", 0, on + "movl $0x400f5, 0xfee00300; mov $1f - 0b + CODE, %eax; "
           "movw %ax, IDT + 0xf5 * 8; movw $CODE >> 16, IDT + 0xf5 * 8 + 6; sti; nop; nop; "
           "1: mov 0xfee00270, %ebx; mov 0xfee00170, %ecx; mov 0xfee000a0, %edx")
    yield ("apic task priority holds", 0, on + "movl $0xf0, 0xfee00080; movl $0x400f5, 0xfee00300; sti; nop; nop; "
           "nop; mov 0xfee00270, %ebx; movl $0, 0xfee00080; jmp 1f; 1: nop; jmp 1f; 1: nop")
    yield "apic higher class first", 0, on + "movl $0x400e5, 0xfee00300; movl $0x400f5, 0xfee00300; sti; nop; nop"
    yield "apic lower class next", 0, "sti; nop; nop"
    yield "apic nmi", 0, on + "movl $0, 0xfee00310; movl $0x4400, 0xfee00300; jmp 1f; 1: nop; jmp 1f; 1: nop"
    for mode in 0, 0x20000:
        yield (f"apic timer mode {mode:x}", 0, on + f"movl $0xb, 0xfee003e0; movl ${0xf6 | mode:#x}, 0xfee00320; "
               f"movl $20000, 0xfee00380; sti; nop; 1: jmp 1b")
        yield f"apic timer mode {mode:x} again", 0, ("sti; nop; 1: jmp 1b" if mode else "mov 0xfee00390, %ebx")
    yield ("apic timer off", 0, "movl $0x100f6, 0xfee00320; movl $0, 0xfee00380; mov 0xfee00390, %ebx; "
           "mov 0xfee00320, %ecx")


def protected():
    for part in (apic, segment_loads, examinations, far_transfers, gates, tasks, limits, vm86, debugging, io_map,
                 control):
        yield from part()


# --- long mode ---

PAGE = 0x201000     # by its own entry, over DATA


def entry(flags, high=0):
    return f"movb $0xc3, DATA; movl ${0x30000 | flags:#x}, TABLES + 0x3008; movl ${high:#x}, TABLES + 0x300c; "


def paging():
    accesses = {"read": f"mov {PAGE:#x}, %al", "write": f"movb $0xc3, {PAGE:#x}",
                "fetch": f"mov ${PAGE:#x}, %eax; call *%rax", "change": f"lock; orb $0, {PAGE:#x}"}
    for ring, setup in (0, ""), (0, "wp off"), (3, ""), (0, "smep"), (0, "smap"), (0, "smap stac"):
        before = ""
        if setup == "wp off":
            before = "mov $0x80000011, %eax; mov %rax, %cr0; "
        elif setup:
            before = (f"andb $0xfb, TABLES + 0x2000; mov %cr3, %rax; mov %rax, %cr3; "
                      f"mov ${0x100620 if setup == 'smep' else 0x200620:#x}, %eax; mov %rax, %cr4; ")
            before += "stac; " if "stac" in setup else ""
        for flags in range(8):
            for nx in 0, 1:
                for name, access in accesses.items():
                    rights = "".join(c if on else "-" for c, on in zip("pwun", (flags & 1, flags & 2, flags & 4, nx)))
                    yield (f"{'change ' * (name == 'change')}page ring {ring} {setup} {rights} {name}", ring,
                           entry(flags, nx << 31) + before + access + "; mov TABLES + 0x3008, %ebx")
    for name, code in (("bit 51", entry(7, 1 << 19)), ("bit 40", entry(7, 1 << 8)),
                       ("no page directory", "movl $0, TABLES + 0x2008; "),
                       ("read-only directory", "andb $0xfd, TABLES + 0x2008; "),
                       ("supervisor's directory", "andb $0xfb, TABLES + 0x2008; "),
                       ("no-execute directory", "orl $0x80000000, TABLES + 0x200c; "),
                       ("large page of the directory", "movl $0x87, TABLES + 0x2008; "),
                       ("misaligned large page", "movl $0x2087, TABLES + 0x2008; "),
                       ("reserved bit of the directory", "orl $0x80000, TABLES + 0x200c; ")):
        for kind, access in accesses.items():
            for ring in (0, 3) if (name[0], kind) != ("l", "fetch") else ():
                yield (f"{'change ' * (kind == 'change')}page ring {ring} {name} {kind}", ring, "movb $0xc3, DATA; " +
                       entry(7) * (name[0] != "b") + code + access)
    yield "page crossing", 3, "movl $0, TABLES + 0x3010; " + f"movl $1, {PAGE + 0xffe:#x}"
    yield "page crossing read", 3, "movl $0, TABLES + 0x3010; " + f"mov {PAGE + 0xffe:#x}, %eax"
    yield ("page global after cr3", 0, entry(0x107) + f"mov $0x6a0, %eax; mov %rax, %cr4; mov {PAGE:#x}, %al; "
           f"movl $0, TABLES + 0x3008; mov %cr3, %rax; mov %rax, %cr3; mov {PAGE:#x}, %bl; mov $0x620, %eax; "
           f"mov %rax, %cr4; mov {PAGE:#x}, %cl")
    yield ("page invlpg", 0, entry(7) + f"mov {PAGE:#x}, %al; movl $0, TABLES + 0x3008; invlpg {PAGE:#x}; "
           f"mov {PAGE:#x}, %cl")


def not_canonical():
    for ring in 0, 3:
        for name, code in (("read", "mov (%rax), %bl"), ("write", "mov %bl, (%rax)"),
                           ("stack", "mov %rax, %rbp; mov (%rbp), %bl"), ("jump", "jmp *%rax"),
                           ("call", "call *%rax"), ("return", "push %rax; ret"),
                           ("edge", "mov $0x7fffffffffff, %rax; mov (%rax), %bx"), ("fs", "mov %fs:(%rax), %bl")):
            yield f"not canonical ring {ring} {name}", ring, "mov $0x800000000000, %rax; " + code


def long_transfers():
    for ring in 0, 3:
        for access in TYPES:
            if access < 0x90 and access & 0x80:
                if access & 15 in (12,):
                    continue
            for flags in (0xa, 0xc, 0xe) if access in (0x9a, 0xfa, 0x9e) else (0xa,):
                for rpl in sorted({ring, 3}):
                    yield (f"long ring {ring} retf type {access:02x}.{flags:x} rpl {rpl}", ring,
                           descriptor(access, 0, 0xfffff, flags) + f"push $0x23; push $CODE_STACK - 64; "
                           f"push ${SEL | rpl}; push ${here('1f')}; lretq; nop; 1: nop")
                yield (f"long ring {ring} jump to type {access:02x}.{flags:x}", ring,
                       descriptor(access, 0, 0xfffff, flags) + f"movl ${here('1f')}, DATA; "
                       f"movw ${SEL | ring}, DATA + 4; ljmp *DATA; nop; 1: nop")
                yield (f"long ring {ring} call to type {access:02x}.{flags:x}", ring,
                       descriptor(access, 0, 0xfffff, flags) + f"movl ${here('1f')}, DATA; "
                       f"movw ${SEL | ring}, DATA + 4; lcall *DATA; nop; 1: nop")
        for access in 0x8c, 0xec, 0x6c, 0xe4:
            for target in 0x08, 0x10, 0x1b, 0, 0x70, 0x28:
                yield (f"long ring {ring} call gate {access:02x} to {target:02x}", ring,
                       gate(access, target, here("1f"), f"GDT + {SEL}") + f"movl $0, GDT + {SEL + 8}; "
                       f"movl $0, GDT + {SEL + 12}; movw ${SEL | ring}, DATA + 4; lcall *DATA; nop; "
                       "1: mov %cs, %ebx; mov (%rsp), %ecx; mov 8(%rsp), %edx; mov 16(%rsp), %esi; mov 24(%rsp), %edi")
        for cs in 0x08, 0x0b, 0x1b, 0x2b, 0x10, 0, 0x70, 0x18:
            for ss in 0, 3, 0x10, 0x13, 0x23, 0x08:
                yield (f"long ring {ring} iret to {cs:02x} stack {ss:02x}", ring, f"push ${ss}; "
                       f"push $CODE_STACK - 64; push $0x202; push ${cs}; push ${here('1f')}; iretq; nop; 1: nop")
        yield (f"long ring {ring} iret with nt", ring, f"push $0x23; push $CODE_STACK - 64; push $2; push $0x1b; "
               f"push ${here('1f')}; push $0x4002; popf; iretq; 1: nop")


def long_gates():
    for ring in 0, 3:
        for access in (*range(0x80, 0x90), 0xee, 0xef, 0x6e, 0x92):
            for ist in (0, 1) if access & 15 in (14, 15) else (0,):
                yield (f"long ring {ring} int gate {access:02x} ist {ist}", ring,
                       gate(access, 0x08, "stubs + 16 * 0x80", "IDT + 0x80 * 16", ist) + "int $0x80")
        for target in 0, 0x0b, 0x10, 0x1b, 0x28, 0x70:
            yield (f"long ring {ring} int to {target:02x}", ring,
                   gate(0xee, target, "stubs + 16 * 0x80", "IDT + 0x80 * 16") + "int $0x80")
        for what in ("int3", ".byte 0xce", "ud2", "xor %eax, %eax; div %eax", ".byte 0xf0, 0x90", "cli", "clts",
                     "mov %cr0, %rax", "mov %cr8, %rax", "mov %rax, %cr3", "lldt %ax", "ltr %ax", "lmsw %ax", "invd",
                     "wbinvd", "rdmsr", "in $0x21, %al", "out %al, $0x80", "rsm", "swapgs", ".byte 0x06", ".byte 0x27",
                     ".byte 0x62, 0", ".byte 0xc5, 0", ".byte 0xea, 0, 0", ".byte 0x9a", ".byte 0xd6", "sysretq",
                     "sysretl", "sysexitl", "clac", "stac", "xsetbv", "monitor", "rdfsbase %rax",
                     "lock; mov %rax, %cr0", "mov %rax, %dr7", "int $0xf3", ".byte 0x8d, 0xc0",
                     ".byte 0x0f, 0x0b, 0xc0", ".fill 15, 1, 0x66; nop", "movl $1, %cs:DATA"):
            if ring == 3 or what not in ("mov %rax, %cr3", "sysretq", "sysretl"):
                yield f"long ring {ring} {what}", ring, what
    yield "long inner stack is not canonical", 3, "movl $0x8000, TSS + 8; int $0xf1"
    yield ("long idt limit", 0, "push $IDT >> 16; push $0; movw $0x80f, (%rsp); movl $IDT, 2(%rsp); movl $0, 6(%rsp); "
           "lidt (%rsp); int $0x81")


def system_calls():
    star = ("mov $0xc0000081, %ecx; xor %eax, %eax; mov $0x00180008, %edx; wrmsr; inc %ecx; xor %edx, %edx; "
            "mov $3f - 0b + CODE, %eax; wrmsr; inc %ecx; wrmsr; inc %ecx; mov $0x47700, %eax; wrmsr; ")
    show = "nop; 3: mov %cs, %ebx; mov %ss, %edx; pushf; pop %rdi"
    yield "syscall from level 0", 0, star + "push $0x3ed7; popf; push $2; orl $0xcc0, (%rsp); popf; syscall; " + show
    yield ("syscall from level 3", 0, star + f"push $0x23; push $CODE_STACK; push $0x3202; push $0x1b; "
           f"push ${here('2f')}; iretq; 2: std; syscall; " + show)
    for insn in "sysretq", "sysretl":
        yield insn, 0, star + f"mov ${here('2f')}, %ecx; mov $0x3ad7 & ~0x100, %r11d; {insn}; 2: nop; " + show
    yield ("sysenter", 0, "mov $0x174, %ecx; mov $8, %eax; xor %edx, %edx; wrmsr; inc %ecx; "
           "mov $CODE_STACK - 128, %eax; wrmsr; inc %ecx; " f"mov ${here('3f')}, %eax; wrmsr; push $0x23; "
           f"push $CODE_STACK; push $0x3202; push $0x1b; push ${here('2f')}; iretq; 2: sysenter; " + show)
    yield ("sysexit", 0, f"mov $0x174, %ecx; mov $8, %eax; xor %edx, %edx; wrmsr; mov ${here('3f')}, %edx; "
           f"mov $CODE_STACK - 128, %ecx; " + descriptor(0xfb, 0, 0xfffff, 0xa, 0x28) + "sysexitq; " + show)
    yield "sysexit without cs", 0, "mov $0x174, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr; sysexitl"
    for msr, value in ("0xc0000082", "0x8000"), ("0xc0000100", "0x8000"), ("0xc0000101", "0xffff7fff"), ("0x176",
                                                                                                         "0x8000"):
        yield f"wrmsr {msr} not canonical", 0, f"mov ${msr}, %ecx; mov ${value}, %edx; xor %eax, %eax; wrmsr"
    for msr, value in (0x400, 0xfffffbff), (0x410, 0xfffffbff), (0x401, 5), (0x402, 5), (0x403, 0x12345):
        yield (f"machine check bank {msr:#x} written {value:#x}", 0, f"mov ${msr}, %ecx; mov ${value}, %eax; "
               f"mov $-1, %edx; test $1, %cl; cmovnz %esi, %edx; wrmsr; xor %edx, %edx; rdmsr; mov %eax, %ebx")
    yield "efer reserved", 0, "mov $0xc0000080, %ecx; rdmsr; or $2, %eax; wrmsr"
    yield "efer lma is the cpu's", 0, "mov $0xc0000080, %ecx; rdmsr; and $~0x400, %eax; wrmsr; rdmsr; mov %eax, %ebx"
    yield ("cr8", 0, "mov $5, %eax; mov %rax, %cr8; mov %cr8, %rbx; mov $0xfee00080, %eax; mov (%rax), %ecx; "
           "xor %eax, %eax; mov %rax, %cr8")
    yield "cr8 reserved", 0, "mov $0x10, %eax; mov %rax, %cr8"
    yield ("fs base by selector", 0, descriptor(0x92, 0x30000) + "movl $7, DATA + 4; mov $0x40, %eax; mov %eax, %fs; "
           "mov %fs:4, %ebx; mov $0xc0000100, %ecx; rdmsr; mov %eax, %esi; xor %eax, %eax; mov %eax, %fs; rdmsr")
    yield ("swapgs and null gs", 0, "mov $0xc0000102, %ecx; mov $DATA, %eax; xor %edx, %edx; wrmsr; swapgs; "
           "mov %gs:0, %ebx; rdmsr; swapgs")


def long_mode():
    for part in paging, not_canonical, long_transfers, long_gates, system_calls:
        yield from part()
    for name, ring, code in (*segment_loads(), *examinations()):
        if "arpl" not in name:
            yield "long " + name, ring, code


SUITES = {"protected": (32, list(protected())), "long": (64, list(long_mode()))}
# Where the manuals and the peer differ: name, and the line as it should be.
DIFFERENT = {}
# What the peer has not, or not right: limits and types of segments, the debug trap of a task switch, unaligned accesses
# beside breakpoints, IRET with VM at level 3, INT1, RDPMC, reserved bits, debug registers under GD, null segments,
# flags of a task behind a gate. These lines are the manuals' alone.
PEERLESS = (
    "seg ", "stack of", "task with trap", "unaligned breakpoint", "iret keeps vm from users", "ring 0 .byte 0xf1",
    "ring 3 .byte 0xf1",
    "ring 0 rdpmc", "ring 3 mov %cr1", "ring 3 mov %cr5", "task with ds 0", "task with ds 2", "task with cs 28",
    "task gate in the gdt", "task gate for users", "cr0 20000011", "cr0 7ffaffc1", "general detect",
    "fixed bits of dr6",
    # Read-modify-write is a write from the start.
    "change ",
    # A reserved bit is one of a present entry; what is not canonical faults where it is used, on a stack as #SS; global
    # pages outlive CR3.
    "not canonical", "page global", *(f"page ring {r} {x}" for r in (0, 3) for x in ("bit ", "misaligned", "reserved")),
    "cr8 reserved",
    *(f"long ring {r} {w} type {t}.e" for r in (0, 3) for w in ("retf", "jump to", "call to")
      for t in ("9a", "9e", "fa")),
    # Error codes name a vector by its number times 8 in long mode, too; a stack of the IST leaves SS as it is.
    "long ring 0 int gate", "long ring 3 int gate", "long ring 3 int3", "long ring 0 lock", "long ring 3 lock",
    "long ring 3 xsetbv", "long idt limit", "syscall from level 0", "sysexit without cs", "wrmsr", "efer reserved",
    "long ring 0 ss selector 000",
    *(f"long ring {r} lar lsl verr verw type {t}" for r in (0, 3) for t in ("81", "83", "84", "85")),
)
