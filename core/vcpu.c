// SPDX-License-Identifier: GPL-2.0
/*L:670
 * vcpu.c: a vCPU's thread: LGUEST_RUN, and what it returns for (vcpu.h).
 *
 * struct lguest_run is filled by the module, which we trust, with numbers and bytes that the guest chose, which we do
 * not. It may touch devices under their locks, and the vCPU's registers.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "core/decode.h"
#include "ipc/exit.h"
#include "core/vcpu.h"

int vcpu_start_regs(struct machine *m, uint64_t entry, uint64_t cr3)
{
	struct lguest_regs regs = { .rip = entry, .cr3 = cr3, .rsi = GUEST_BOOT_PARAMS };

	return ioctl(m->lguest, LGUEST_SET_REGS, &regs) ? -errno : 0;
}

/* The device whose register page holds [@gpa, @gpa + @size), and the offset in the page. */
static struct device *device_at(struct machine *m, uint64_t gpa, unsigned int size, uint64_t *off)
{
	uint64_t n = (gpa - GUEST_MMIO_BASE) / GUEST_MMIO_SIZE;

	*off = gpa % GUEST_MMIO_SIZE;
	if (gpa < GUEST_MMIO_BASE || n >= m->devices || *off + size > GUEST_MMIO_SIZE)
		return NULL;
	return &m->device[n];
}

static uint64_t load(struct machine *m, uint64_t gpa, unsigned int size)
{
	uint64_t off;
	struct device *d = device_at(m, gpa, size, &off);

	return d ? device_load(d, off, size) : ~0ull;	/* nobody answers: all ones, as on a bus */
}

static void store(struct machine *m, uint64_t gpa, unsigned int size, uint64_t value)
{
	uint64_t off;
	struct device *d = device_at(m, gpa, size, &off);

	if (d && device_store(d, off, size, value))
		m->look(m);
}

/*L:690
 * One of these reasons is real work: the guest touched an address that no memory has, most likely a device's register.
 * The module saw the fault and read the instruction's bytes; here it is decoded, done on the device's registers, and
 * stepped over.
 */
const char *vcpu_mmio(struct machine *m, const struct lguest_run *run)
{
	struct lguest_regs regs = { .vcpu = run->vcpu };
	struct mov d;

	if (!decode_mov(&d, run->insn, run->insn_len) || d.store != (run->write != 0))
		return "touched a device register with an instruction that is not a plain move";
	if (ioctl(m->lguest, LGUEST_GET_REGS, &regs))
		return "has registers that cannot be read";
	if (d.store)
		store(m, run->addr, d.size, mov_store_value(&d, &regs));
	else
		mov_load(&d, &regs, load(m, run->addr, d.size));
	regs.rip = run->rip + d.length;
	if (ioctl(m->lguest, LGUEST_SET_REGS, &regs))
		return "has registers that cannot be set";
	return NULL;
}

/* LHCALL_NOTIFY that no eventfd took: a queue that is not bound, or no register at all. Treated as the store it is. */
static void notified(struct machine *m, const struct lguest_run *run)
{
	store(m, run->addr, 4, run->value);
}

static void print(struct machine *m, const struct lguest_run *run)
{
	m->print(m, run->text, run->length < LGUEST_TEXT_SIZE ? run->length : LGUEST_TEXT_SIZE - 1);
}

/* The guest has released memory, which the module has unpinned; now it is the host's again. A host that cannot has lost nothing */
static const char *release(struct machine *m, const struct lguest_run *run)
{
	for (unsigned int i = 0; i < run->length && i < LGUEST_RELEASE_MAX; i++) {
		void *at = guest_ptr(&m->memory, run->range[i].gpa, run->range[i].size);

		if (!at)
			return "released memory that it does not have";
		madvise(at, run->range[i].size, MADV_REMOVE);
	}
	return NULL;
}

/*L:970
 * Now the ends, which begin in the vCPU's thread. A guest that powers off, restarts or panics asks for it by the hypercall SHUTDOWN, and handle() comes
 * here. A status of its own is passed on as it is; the other two get one of lguest-run's, with a sentence.
 */
static void shut_down(const struct lguest_run *run, struct vcpu_end *end)
{
	const char *text = run->text[0] ? run->text : "no reason given";

	end->text[0] = '\0';
	switch (run->code) {
	case LGUEST_SHUTDOWN_POWEROFF:
		end->code = run->status & 0xff;
		break;
	case LGUEST_SHUTDOWN_RESTART:
		end->code = EXIT_GUEST_RESTART;
		snprintf(end->text, sizeof(end->text), "the guest asked for a restart");
		break;
	default:
		end->code = EXIT_GUEST_CRASH;
		snprintf(end->text, sizeof(end->text), "the guest crashed: %.*s", LGUEST_TEXT_SIZE - 1, text);
		break;
	}
}

static void killed(struct machine *m, const struct lguest_run *run, const char *why, struct vcpu_end *end)
{
	struct lguest_kill kill = { { 0 } };

	end->code = EXIT_GUEST_KILLED;
	if (!why) {
		snprintf(end->text, sizeof(end->text), "the guest was killed: %.*s", LGUEST_TEXT_SIZE - 1, run->text);
		return;
	}
	snprintf(end->text, sizeof(end->text), "the guest was killed: it %s (address %#llx, rip %#llx)", why,
		 (unsigned long long)run->addr, (unsigned long long)run->rip);
	snprintf(kill.text, sizeof(kill.text), "%s", why);
	ioctl(m->lguest, LGUEST_KILL, &kill);
}

/* One return of LGUEST_RUN. True: the guest goes on. */
static bool handle(struct machine *m, const struct lguest_run *run, struct vcpu_end *end)
{
	const char *why = NULL;

	switch (run->reason) {
	case LGUEST_EXIT_SIGNAL:
		return true;
	case LGUEST_EXIT_MMIO:
		why = vcpu_mmio(m, run);
		break;
	case LGUEST_EXIT_NOTIFY:
		notified(m, run);
		break;
	case LGUEST_EXIT_PRINT:
		print(m, run);
		break;
	case LGUEST_EXIT_RELEASE:
		why = release(m, run);
		break;
	case LGUEST_EXIT_SHUTDOWN:
		shut_down(run, end);
		return false;
	case LGUEST_EXIT_DEAD:
		killed(m, run, NULL, end);
		return false;
	default:
		why = "stopped for a reason that this program does not know";
		break;
	}
	if (why)
		killed(m, run, why, end);
	return !why;
}

/*L:680
 * The heart of the process is one ioctl in a loop. LGUEST_RUN returns with what the module cannot do itself, or for a
 * signal; handle(), above, is the whole list of that, and false from it is the end. What happens inside of the ioctl
 * is chapter Host.
 */
void vcpu_run(struct machine *m, uint32_t id, struct vcpu_end *end)
{
	struct lguest_run run;
	int saved;

	for (;;) {
		memset(&run, 0, sizeof(run));
		run.vcpu = id;
		if (ioctl(m->lguest, LGUEST_RUN, &run)) {
			saved = errno;
			end->code = EXIT_DEVICE;
			snprintf(end->text, sizeof(end->text), "/dev/lguest does not run the guest: %s", strerror(saved));
			return;
		}
		if (!handle(m, &run, end))
			return;
	}
}
