// SPDX-License-Identifier: GPL-2.0
/*
 * core_vcpu.c: the vCPU's loop against a module that is played here: ioctl() below answers for descriptor
 * MODULE from a script. What is tested is what each exit does to registers, devices and the exit status.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/exit.h"
#include "core/vcpu.h"
#include "tests/unit/core_module.h"


static struct {
	struct lguest_run script[16];
	unsigned int at, lines;
	struct lguest_regs regs;
	struct lguest_kill kill;
	unsigned int interrupts;
} module;

static int answer(unsigned long request, void *arg)
{
	switch (request) {
	case LGUEST_RUN:
		cr_assert_lt(module.at, module.lines, "ran past the end of the script");
		cr_assert_eq(((struct lguest_run *)arg)->vcpu, 3, "another vCPU than this thread's was run");
		memcpy(arg, &module.script[module.at++], sizeof(struct lguest_run));
		return 0;
	case LGUEST_GET_REGS:
		memcpy(arg, &module.regs, sizeof(module.regs));
		return 0;
	case LGUEST_SET_REGS:
		memcpy(&module.regs, arg, sizeof(module.regs));
		return 0;
	case LGUEST_KILL:
		memcpy(&module.kill, arg, sizeof(module.kill));
		return 0;
	case LGUEST_INTERRUPT:
		module.interrupts++;
		return 0;
	default:
		return 0;
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fd == MODULE ? answer(request, arg) : (int)syscall(SYS_ioctl, fd, request, arg);
}

static char printed[512];

static void print(struct machine *m, const char *text, uint32_t len)
{
	(void)m;
	strncat(printed, text, len);
}

static struct machine machine = { .lguest = MODULE, .print = print };

static struct lguest_run *line(uint32_t reason)
{
	struct lguest_run *r = &module.script[module.lines++];

	r->reason = reason;
	return r;
}

static struct lguest_run *mmio(uint64_t addr, bool write, const char *insn)
{
	struct lguest_run *r = line(LGUEST_EXIT_MMIO);

	r->addr = addr;
	r->write = write;
	r->rip = 0x1000;
	r->insn_len = 15;
	memset(r->insn, 0xcc, 15);
	memcpy(r->insn, insn, strlen(insn));
	return r;
}

static struct lguest_run *shut_down(uint32_t code, uint32_t status, const char *text)
{
	struct lguest_run *r = line(LGUEST_EXIT_SHUTDOWN);

	r->code = code;
	r->status = status;
	strncpy(r->text, text, LGUEST_TEXT_SIZE - 1);
	return r;
}

static struct vcpu_end run(void)
{
	struct vcpu_end end = { .code = 0xdead };

	vcpu_run(&machine, 3, &end);
	return end;
}

Test(core_vcpu, status_of_power_off_is_the_guests)
{
	line(LGUEST_EXIT_SIGNAL);
	shut_down(LGUEST_SHUTDOWN_POWEROFF, 7, "");
	cr_expect_eq(run().code, 7);
	cr_expect_eq(module.at, 2);
}

Test(core_vcpu, crash_and_restart_are_told_apart)
{
	struct vcpu_end end;

	shut_down(LGUEST_SHUTDOWN_CRASH, 0, "Attempted to kill init!");
	end = run();
	cr_expect_eq(end.code, EXIT_GUEST_CRASH);
	cr_expect_str_eq(end.text, "the guest crashed: Attempted to kill init!");
	shut_down(LGUEST_SHUTDOWN_RESTART, 0, "");
	cr_expect_eq(run().code, EXIT_GUEST_RESTART);
	memset(shut_down(LGUEST_SHUTDOWN_CRASH, 0, "")->text, 'x', LGUEST_TEXT_SIZE);	/* without a NUL */
	end = run();
	cr_expect_lt(strlen(end.text), sizeof(end.text));
}

Test(core_vcpu, a_dead_guest_says_why)
{
	struct vcpu_end end;

	strcpy(line(LGUEST_EXIT_DEAD)->text, "double fault at 0x10");
	end = run();
	cr_expect_eq(end.code, EXIT_GUEST_KILLED);
	cr_expect_str_eq(end.text, "the guest was killed: double fault at 0x10");
}

Test(core_vcpu, prints)
{
	struct lguest_run *r = line(LGUEST_EXIT_PRINT);

	strcpy(r->text, "hello, world");
	r->length = 5;
	r = line(LGUEST_EXIT_PRINT);
	memset(r->text, '!', LGUEST_TEXT_SIZE);
	r->length = 0xffffffff;
	shut_down(LGUEST_SHUTDOWN_POWEROFF, 0, "");
	run();
	cr_expect_eq(strncmp(printed, "hello!!!", 8), 0);
	cr_expect_eq(strlen(printed), 5 + LGUEST_TEXT_SIZE - 1);
}

/* A hole where the guest's memory was, and nowhere else; what lies in no region ends the guest. */
Test(core_vcpu, released_memory_goes_back)
{
	struct lguest_run *r;
	struct vcpu_end end;
	uint8_t *ram;

	cr_assert_eq(guest_memory_ram(&machine.memory, GUEST_RAM_MIN), 0);
	ram = guest_ptr(&machine.memory, 0, GUEST_RAM_MIN);
	memset(ram, 0x5a, 16 * GUEST_PAGE);
	r = line(LGUEST_EXIT_RELEASE);
	r->range[0] = (struct lguest_range){ GUEST_PAGE, 2 * GUEST_PAGE };
	r->range[1] = (struct lguest_range){ 8 * GUEST_PAGE, GUEST_PAGE };
	r->range[2] = (struct lguest_range){ 10 * GUEST_PAGE, GUEST_PAGE };
	r->length = 2;
	line(LGUEST_EXIT_RELEASE)->length = 0xffffffff;	/* ranges of nothing */
	end = run();
	cr_expect_eq(end.code, EXIT_GUEST_KILLED);
	cr_expect(strstr(end.text, "released memory that it does not have"), "%s", end.text);
	for (unsigned int i = 0; i < 16; i++)
		cr_expect_eq(ram[i * GUEST_PAGE + 7], i == 1 || i == 2 || i == 8 ? 0 : 0x5a, "page %u", i);
}

static void add_device(void)
{
	machine.devices = 1;
	machine.device[0].mmio.device_id = 3;
}

Test(core_vcpu, loads_reach_the_register_file)
{
	add_device();
	module.regs.rax = ~0ull;
	mmio(GUEST_MMIO_BASE, false, "\x8b\x07");		/* mov (%rdi), %eax */
	shut_down(LGUEST_SHUTDOWN_POWEROFF, 0, "");
	run();
	cr_expect_eq(module.regs.rax, 0x74726976);
	cr_expect_eq(module.regs.rip, 0x1002);
}

Test(core_vcpu, stores_reach_the_register_file)
{
	add_device();
	machine.device[0].mmio.queues = 1;
	mmio(GUEST_MMIO_BASE + 0x30, true, "\xc7\x47\x30\x05");	/* movl $5, 0x30(%rdi): with its zeroes below */
	memset(module.script[0].insn + 4, 0, 3);
	shut_down(LGUEST_SHUTDOWN_POWEROFF, 0, "");
	run();
	cr_expect_eq(machine.device[0].mmio.queue_sel, 5);
	cr_expect_eq(module.regs.rip, 0x1007);
}

Test(core_vcpu, nobody_there_reads_as_ones)
{
	static const uint64_t places[] = { GUEST_MMIO_BASE + GUEST_MMIO_SIZE, GUEST_MMIO_BASE - 4, 0x8000000000, ~0ull - 3,
					   GUEST_MMIO_BASE + GUEST_MMIO_SIZE - 2 };

	add_device();
	for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		module.at = module.lines = 0;
		mmio(places[i], false, "\x8b\x07");
		shut_down(LGUEST_SHUTDOWN_POWEROFF, 0, "");
		run();
		cr_expect_eq(module.regs.rax, 0xffffffff, "place %u", i);
	}
}

Test(core_vcpu, strange_instructions_kill_the_guest)
{
	struct vcpu_end end;

	add_device();
	mmio(GUEST_MMIO_BASE, true, "\xab");			/* stos */
	end = run();
	cr_expect_eq(end.code, EXIT_GUEST_KILLED);
	cr_expect_not_null(strstr(end.text, "not a plain move"));
	cr_expect_not_null(strstr(module.kill.text, "not a plain move"));
}

Test(core_vcpu, a_load_is_not_taken_for_a_store)
{
	add_device();
	mmio(GUEST_MMIO_BASE, true, "\x8b\x07");
	cr_expect_eq(run().code, EXIT_GUEST_KILLED);
}

Test(core_vcpu, an_unknown_reason_ends)
{
	line(77);
	cr_expect_eq(run().code, EXIT_GUEST_KILLED);
}
