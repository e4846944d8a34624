// SPDX-License-Identifier: GPL-2.0
/*L:490
 * core.c: lguest-core, the process that holds the guest: RAM, the vCPUs, the register files of its devices.
 *
 * It is started by lguest-run with the descriptors of enum core_fd and opens nothing itself: it enters its sandbox
 * (core/manifest.c) before it reads the first byte of a kernel, and is sealed before the guest's first instruction. After loading it does four
 * things: run the vCPUs (a thread each), serve device registers, talk vhost-user, and exchange struct control_msg
 * with lguest-run. It may not open, create, execute, or reach a device's resource.
 *
 * Assume that the guest controls this process: it is trusted no more than the guest. All that it can reach is guest
 * RAM, the windows and /dev/lguest's ioctls on its own guest.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/control.h"
#include "ipc/exit.h"
#include "core/loader.h"
#include "core/vcpu.h"
#include "policy/policy.h"
#include "policy/printed.h"
#include "version.h"

POLICY_DECLARE(core);

/* What the command line said; lguest-run writes it, so it is checked for mistakes, not for malice. */
struct options {
	uint64_t memory;
	const char *cmdline;
	bool initrd;
	bool verbose;
	unsigned int vcpus;
	unsigned int require;	/* layers of the sandbox */
	uid_t user;
	unsigned int devices;
	struct { struct device_type type; uint64_t window; bool own; } device[GUEST_DEVICES];
};

static struct machine machine;
static pthread_mutex_t start = PTHREAD_MUTEX_INITIALIZER;	/* held until the main thread is sealed */

/* Return: is it on its way? All but the last word: lguest-run that does not read must not hold up the main thread. */
static bool say(uint32_t type, uint32_t device, uint32_t code, const char *text)
{
	struct control_msg msg = {
		.type = type, .device = device, .code = code, .process = machine.device[device].process,
	};
	struct iovec iov = { &msg, sizeof(msg) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(msg.text, text, strnlen(text, sizeof(msg.text) - 1));	/* each second: not by printf, whose code would stay in memory for it */
	return sendmsg(CORE_FD_CONTROL, &m, MSG_NOSIGNAL | (type == CONTROL_END ? 0 : MSG_DONTWAIT)) >= 0;
}

static uint32_t culprit;	/* the device that the last word is about */

/*L:975
 * A vCPU's thread brought its reason here, and main() comes here too when a start fails. The last word is a message
 * and not an exit status, because a guest may use every status from 0 to 255 itself.
 */
/* The last word. All threads may come here: the others wait for the first one's exit. */
static void __attribute__((noreturn)) end(uint32_t code, const char *text)
{
	static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&once);
	say(CONTROL_END, culprit, code, text);
	_exit(0);
}

static void __attribute__((noreturn, format(printf, 2, 3))) fail(uint32_t code, const char *fmt, ...)
{
	char text[LGUEST_TEXT_SIZE + 64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	end(code, text);
}

/*
 * On the vCPUs' threads, one at a time. The pipe is lguest-run's and does not block: what it does not take is lost, counted, and told when
 * there is room.
 */
static void print(struct machine *m, const char *text, uint32_t len)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t lost;
	char told[64];
	ssize_t n;

	(void)m;
	pthread_mutex_lock(&lock);
	if (lost) {
		n = snprintf(told, sizeof(told), "[%llu bytes were lost here]\n", (unsigned long long)lost);
		if (write(CORE_FD_CONSOLE, told, (size_t)n) == n)
			lost = 0;
	}
	n = write(CORE_FD_CONSOLE, text, len);
	if (n < (ssize_t)len)
		lost += len - (n > 0 ? (uint64_t)n : 0);
	pthread_mutex_unlock(&lock);
}

/* --- the guest --- */

static void open_module(const struct options *o)
{
	struct lguest_create create = { 0 };
	struct lguest_vcpu vcpu = { .id = 0 };
	int version = ioctl(CORE_FD_LGUEST, LGUEST_GET_API_VERSION);

	if (version < 0)
		fail(EXIT_DEVICE, "/dev/lguest is not lguest's device: %s", strerror(errno));
	if (version != LGUEST_API_VERSION)
		fail(EXIT_DEVICE, "the module speaks version %d of the interface and this program version %d: install both from one build",
		     version, LGUEST_API_VERSION);
	if (ioctl(CORE_FD_LGUEST, LGUEST_CREATE, &create))
		fail(EXIT_DEVICE, "/dev/lguest does not make a guest: %s (the host's kernel log may say why)", strerror(errno));
	for (; vcpu.id < o->vcpus; vcpu.id++)
		if (ioctl(CORE_FD_LGUEST, LGUEST_CREATE_VCPU, &vcpu))
			fail(EXIT_DEVICE, "/dev/lguest does not make vCPU %u of %u: %s", vcpu.id, o->vcpus, strerror(errno));
	machine.vcpus = o->vcpus;
}

/*
 * RAM that the guest does not need goes back to the host. Not when a process sees all of it (dma=direct): a foreign one may have pinned the
 * pages that are behind it now, and go on using them
 */
static bool may_release(const struct options *o, const struct guest_region *r)
{
	for (unsigned int i = 0; i < o->devices; i++)
		if (!o->device[i].window)
			return false;
	return r->fd == machine.memory.region[0].fd;
}

static void add_memory(const struct options *o, const struct guest_region *r)
{
	struct lguest_memory_region region = {
		.guest_phys = r->gpa, .size = r->size, .user_addr = (uintptr_t)r->host, .flags = may_release(o, r) ? LGUEST_MEM_RELEASE : 0,
	};

	if (!ioctl(CORE_FD_LGUEST, LGUEST_ADD_MEMORY, &region))
		return;
	if (errno == ENOMEM)
		fail(EXIT_MEMORY, "%llu MiB of guest memory are more than the limit of locked memory (ulimit -l) or the host has: "
		     "raise it in /etc/security/limits.d, or give the guest less with --memory",
		     (unsigned long long)machine.memory.ram >> 20);
	fail(EXIT_DEVICE, "/dev/lguest refuses guest memory at %#llx: %s", (unsigned long long)r->gpa, strerror(errno));
}

static void make_memory(const struct options *o)
{
	int err = guest_memory_ram(&machine.memory, o->memory);

	if (err)
		fail(EXIT_MEMORY, "the host cannot give %llu MiB of guest memory: %s%s", (unsigned long long)o->memory >> 20,
		     strerror(-err), err == -EFBIG ? " (guest memory is a file for the limit of file size: raise it, ulimit -f)" : "");
	for (unsigned int i = 0; i < o->devices; i++) {
		struct device *d = &machine.device[i];

		if (!o->device[i].window)
			continue;
		d->window = guest_memory_window(&machine.memory, o->device[i].window);
		if (!d->window)
			fail(EXIT_MEMORY, "no room for the window of device %u: %s", i, strerror(errno));
	}
	for (unsigned int i = 0; i < machine.memory.regions; i++)
		add_memory(o, &machine.memory.region[i]);
}

/* How many devices before number @i are of its kind: they are counted apart, as lguest-run does. */
static unsigned int same_before(const struct options *o, unsigned int i)
{
	unsigned int n = 0;

	for (unsigned int k = 0; k < i; k++)
		n += !strcmp(o->device[k].type.name, o->device[i].type.name);
	return n;
}

static void make_devices(const struct options *o)
{
	const char *error;

	machine.devices = o->devices;
	machine.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (machine.wake < 0)
		fail(EXIT_HOST, "the host does not give an eventfd: %s", strerror(errno));
	for (unsigned int i = 0; i < o->devices; i++) {
		struct device *d = &machine.device[i];

		pthread_mutex_init(&d->lock, NULL);
		d->index = i;
		d->type = &o->device[i].type;
		d->own = o->device[i].own;
		d->memory = &machine.memory;
		d->lguest = CORE_FD_LGUEST;
		snprintf(d->name, sizeof(d->name), "%s%u", d->type->name, same_before(o, i));
		culprit = i;
		error = device_open(d, CORE_FD_DEVICE + (int)i);
		if (error)
			fail(EXIT_ROLE, "device %s: %s", d->name, error);
	}
	culprit = 0;
}

/*
 * A parameter for each device, with its registers and line, and one for its window. They come before what the user
 * gave: behind a "--" of his they would be arguments of init.
 */
static void make_cmdline(const struct options *o, char *buf, size_t size)
{
	size_t n = (size_t)snprintf(buf, size, "%s", GUEST_CMDLINE_FIRST);

	for (unsigned int i = 0; i < machine.devices && n < size; i++) {
		const struct device *d = &machine.device[i];

		n += (size_t)snprintf(buf + n, size - n, "virtio_mmio.device=4K@%#llx:%u ",
				      (unsigned long long)device_registers(d), device_line(d));
		if (d->window && n < size)
			n += (size_t)snprintf(buf + n, size - n, "lguest.window=%#llx,%#llx,%#llx ",
					      (unsigned long long)device_registers(d), (unsigned long long)d->window->gpa,
					      (unsigned long long)d->window->size);
	}
	if (n < size)
		n += (size_t)snprintf(buf + n, size - n, "%s", o->cmdline);
	if (n >= size)
		fail(EXIT_USAGE, "the command line and its device parameters are longer than the %u bytes a kernel takes",
		     GUEST_CMDLINE_MAX - 1);
}

static void load_guest(const struct options *o)
{
	char cmdline[GUEST_CMDLINE_MAX];
	struct loader l = { 0 };
	int code;

	code = load_kernel(&l, &machine.memory, CORE_FD_KERNEL);
	if (code)
		fail((uint32_t)code, "the kernel %s", l.error);
	if (o->initrd) {
		code = load_initrd(&l, &machine.memory, CORE_FD_INITRD);
		if (code)
			fail((uint32_t)code, "the initrd %s", l.error);
	}
	make_cmdline(o, cmdline, sizeof(cmdline));
	code = load_boot_params(&l, &machine.memory, cmdline);
	if (code)
		fail((uint32_t)code, "the command line %s", l.error);
	if (vcpu_start_regs(&machine, l.entry, l.cr3))
		fail(EXIT_KERNEL, "the kernel has an entry that no processor can start at");
}

/* A filter is a thread's own: each seals itself, a vCPU's before its first instruction. */
static void seal(void)
{
	int err = policy_seal(&policy_core);

	if (err)
		fail(EXIT_SANDBOX, "lguest-core cannot seal its sandbox: %s", strerror(-err));
}

/* Larger than what it needs, smaller than a huge page, which the kernel would give it whole. */
#define VCPU_STACK (256u << 10)
#define KICKER_STACK (64u << 10)

/*L:660
 * Loading is over, and main() has made this thread, one for each vCPU. It waits for the lock, seals itself, because a filter is a
 * thread's own, and only then runs the guest. When vcpu_run() returns there is no guest any more, and end() says why.
 */
static void *vcpu_thread(void *arg)
{
	struct vcpu_end why;

	pthread_mutex_lock(&start);
	pthread_mutex_unlock(&start);
	seal();
	vcpu_run(&machine, (uint32_t)(uintptr_t)arg, &why);
	end(why.code, why.text);
}

static void *kicker_thread(void *arg)
{
	pthread_mutex_lock(&start);
	pthread_mutex_unlock(&start);
	seal();
	device_kicker(arg);
	return NULL;
}

static void start_thread(void *(*body)(void *arg), void *arg, size_t stack)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, stack);
	if (pthread_create(&thread, &attr, body, arg))
		fail(EXIT_HOST, "no thread for the vCPU or a device: the host's limit of processes is reached");
}

/* --- the main thread: recovery --- */

/* On a vCPU's thread, after a store that has changed what the main one waits for, which may sleep for seconds. The eventfd is ours alone. */
static void wake_main(struct machine *m)
{
	const uint64_t one = 1;

	if (write(m->wake, &one, sizeof(one)) < 0)
		return;		/* full: it is awake */
}

static void woken(struct machine *m)
{
	uint64_t n;
	struct iovec iov = { &n, sizeof(n) };

	if (preadv2(m->wake, &iov, 1, -1, RWF_NOWAIT) < 0)
		return;		/* nothing to take */
}

static int received_fd(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* What is about no device. */
static void answer(const struct control_msg *msg)
{
	struct control_msg reply = { .type = CONTROL_STATS };
	struct lguest_stats stats;
	struct iovec iov = { &reply, sizeof(reply) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (msg->type == CONTROL_ASK) {
		say(CONTROL_ALIVE, 0, 0, "");
	} else if (msg->type == CONTROL_EVENT) {
		if (msg->code >= CONTROL_RESUMED && msg->code <= CONTROL_POWERDOWN)
			ioctl(CORE_FD_LGUEST, LGUEST_INTERRUPT, (unsigned long)msg->code);
	} else if (!ioctl(CORE_FD_LGUEST, LGUEST_GET_STATS, &stats)) {
		memcpy(reply.stats, stats.value, LG_STAT_NR * sizeof(reply.stats[0]));
		sendmsg(CORE_FD_CONTROL, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void control_message(void)
{
	char space[CMSG_SPACE(sizeof(int))];
	struct control_msg msg;
	struct iovec iov = { &msg, sizeof(msg) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	ssize_t n = recvmsg(CORE_FD_CONTROL, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct device *d;
	int fd;

	if (n == 0)
		_exit(0);	/* lguest-run is gone: nobody could end this guest any more */
	if (n < 0)
		return;
	fd = received_fd(&m);
	if (!control_allowed(&msg, (size_t)n, true, CONTROL_RUNS, machine.devices, fd >= 0)) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (!control_rules[msg.type].device) {
		answer(&msg);
		return;
	}
	d = &machine.device[msg.device];
	pthread_mutex_lock(&d->lock);
	if (msg.type == CONTROL_CONNECT) {
		d->process = msg.process;
		device_connect(d, fd);
	} else {
		device_give_up(d);
	}
	pthread_mutex_unlock(&d->lock);
}

static void serve(struct device *d, const struct device_poll *p)
{
	pthread_mutex_lock(&d->lock);
	device_serve(d, p);
	device_tell(d, say);
	pthread_mutex_unlock(&d->lock);
}

/* The nearer of two timeouts, of which -1 is none */
static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/*L:720
 * While that thread runs the guest, the main one does this until the end. It is where CONTROL_CONNECT arrives with a
 * role's successor, where CONTROL_ASK is answered, and where each device gets its turn.
 */
static void __attribute__((noreturn)) main_loop(void)
{
	/* One array for poll(): lguest-run, the vCPUs' threads, then each device's. */
	static struct {
		struct pollfd control, wake;
		struct device_poll device[GUEST_DEVICES];
	} p;

	_Static_assert(sizeof(p) == (2 + 3 * GUEST_DEVICES) * sizeof(struct pollfd), "an array");
	for (;;) {
		int ms = -1;

		p.control = (struct pollfd){ .fd = CORE_FD_CONTROL, .events = POLLIN };
		p.wake = (struct pollfd){ .fd = machine.wake, .events = POLLIN };
		for (unsigned int i = 0; i < machine.devices; i++) {
			pthread_mutex_lock(&machine.device[i].lock);
			device_poll(&machine.device[i], &p.device[i]);
			ms = sooner(ms, device_due(&machine.device[i]));
			pthread_mutex_unlock(&machine.device[i].lock);
		}
		poll((struct pollfd *)&p, 2 + 3 * machine.devices, ms);
		if (p.wake.revents)
			woken(&machine);
		for (unsigned int i = 0; i < machine.devices; i++)
			serve(&machine.device[i], &p.device[i]);
		if (p.control.revents)
			control_message();
	}
}

/* --- the command line --- */

static uint64_t number(const char *text)
{
	char *rest;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &rest, 10);
	if (errno || rest == text || *rest)
		fail(EXIT_USAGE, "lguest-core: '%s' is not a number", text);
	return n;
}

/* One "key=value" of --device. */
static void device_key(struct options *o, unsigned int i, char *key)
{
	struct device_type *t = &o->device[i].type;
	char *value = strchr(key, '='), *second;

	if (!value) {
		o->device[i].own = !strcmp(key, "own");
		return;
	}
	*value++ = '\0';
	second = strchr(value, ':');
	if (second)
		*second++ = '\0';
	if (!strcmp(key, "window"))
		o->device[i].window = number(value);
	else if (!strcmp(key, "id"))
		t->id = (uint32_t)number(value);
	else if (!strcmp(key, "queues"))
		t->queues = (unsigned int)number(value);
	else if (!strcmp(key, "unit"))
		t->unit = (unsigned int)number(value);
	else if (!strcmp(key, "hidden"))
		t->hidden = number(value);
	else if (!strcmp(key, "config") && second) {
		t->config[0] = (uint32_t)number(value);
		t->config[1] = (uint32_t)number(second);
	} else
		fail(EXIT_USAGE, "lguest-core: --device has no key '%s'", key);
}

/*
 * --device NAME,window=BYTES,id=N,queues=N,unit=N,config=BYTES:BYTES,hidden=BITS[,own]: run/kind.h says what each means, a window
 * of 0 is all of guest memory, and own that lguest-run starts its process again.
 */
static void add_device(struct options *o, char *text)
{
	unsigned int i = o->devices;
	struct device_type *t;
	char *key;

	if (i == GUEST_DEVICES)
		fail(EXIT_USAGE, "more than %u devices", GUEST_DEVICES);
	t = &o->device[i].type;
	t->name = strsep(&text, ",");
	while ((key = strsep(&text, ",")))
		device_key(o, i, key);
	if (!t->id || !t->queues || t->queues > GUEST_QUEUES || !t->unit || t->config[0] > VIRTIO_CONFIG_MAX || t->config[1] > VIRTIO_CONFIG_MAX)
		fail(EXIT_USAGE, "lguest-core: --device %s: the numbers are not a device's", t->name);
	o->devices++;
}

static void set_vcpus(struct options *o, uint64_t n)
{
	if (!n || n > LGUEST_MAX_VCPUS)
		fail(EXIT_USAGE, "lguest-core: --cpus: from 1 to %u", LGUEST_MAX_VCPUS);
	o->vcpus = (unsigned int)n;
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "memory", required_argument, NULL, 'm' }, { "cmdline", required_argument, NULL, 'c' },
		{ "initrd", no_argument, NULL, 'i' }, { "cpus", required_argument, NULL, 'n' }, { "device", required_argument, NULL, 'd' },
		{ "require", required_argument, NULL, 'r' }, { "user", required_argument, NULL, 'u' }, { "verbose", no_argument, NULL, 'V' },
		{ "print-policy", no_argument, NULL, 'p' }, { "version", no_argument, NULL, 'v' }, { 0 },
	};
	int opt;

	o->cmdline = "";
	o->vcpus = 1;
	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (opt) {
		case 'm': o->memory = number(optarg); break;
		case 'c': o->cmdline = optarg; break;
		case 'i': o->initrd = true; break;
		case 'n': set_vcpus(o, number(optarg)); break;
		case 'V': o->verbose = true; break;
		case 'u': o->user = (uid_t)number(optarg); break;
		case 'r':
			if (policy_parse_require(optarg, &o->require))
				fail(EXIT_USAGE, "lguest-core: --require %s is no set of layers", optarg);
			break;
		case 'd': add_device(o, optarg); break;
		case 'p': policy_print(&policy_core, stdout); exit(!printed("lguest-core"));
		case 'v': puts("lguest-core " LGUEST_VERSION); exit(!printed("lguest-core"));
		default: fail(EXIT_USAGE, "lguest-core: unknown option");
		}
	}
	if (optind != argc)
		fail(EXIT_USAGE, "lguest-core: unexpected '%s'", argv[optind]);
}

/* What lguest-run gave us, at its numbers; anything else that is open is closed with the sandbox's first step. */
static void place_fds(unsigned int devices)
{
	for (int fd = STDIN_FILENO; fd <= CORE_FD_INITRD; fd++)
		if (policy_place_fd(fd, fd) < 0)
			fail(EXIT_SANDBOX, "lguest-core was started without descriptor %d: lguest-run starts it", fd);
	for (unsigned int i = 0; i < devices; i++)
		if (policy_place_fd(CORE_FD_DEVICE + (int)i, CORE_FD_DEVICE + (int)i) < 0)
			fail(EXIT_SANDBOX, "lguest-core was started without the connection of device %u", i);
}

/* From here on this is another process, in the sandbox: the guest, which belongs to one process, is made after. */
static void enter(const struct options *o)
{
	const struct policy_options opt = { .file_size = UINT64_MAX, .require = o->require, .user = o->user };	/* memfds */
	unsigned int layers = 0;
	int err = policy_enter(&policy_core, &opt, &layers);
	char missing[256];

	policy_missing(o->require & ~layers, missing, sizeof(missing));
	if (err == -EACCES && *missing)
		fail(EXIT_SANDBOX, "lguest-core cannot have its sandbox: it is required to have its %s, which this host or user does not allow", missing);
	if (err)
		fail(EXIT_SANDBOX, "lguest-core cannot enter its sandbox: %s", strerror(-err));
	if (o->verbose)
		policy_report(&policy_core, layers, stderr);
}

/*L:500
 * We change sides: this is the process that spawn_core() started. The order is an argument again. The sandbox comes
 * before the first byte of a kernel, which may be hostile; the guest, which belongs to the process that makes it,
 * after the fork in policy_enter(); and the lock "start" keeps the vCPUs' threads from the guest until the main thread
 * is sealed and has said so.
 */
int main(int argc, char **argv)
{
	static struct options o;	/* devices point at their types in it */

	machine.lguest = CORE_FD_LGUEST;	/* here: so large a structure with one value in it would be 70 KiB of the program */
	machine.print = print;
	machine.look = wake_main;
	signal(SIGXFSZ, SIG_IGN);	/* guest memory beyond a limit of file size is an error with a sentence */
	parse(argc, argv, &o);
	place_fds(o.devices);
	enter(&o);
	open_module(&o);
	make_memory(&o);
	make_devices(&o);
	load_guest(&o);
	pthread_mutex_lock(&start);
	for (unsigned int i = 0; i < machine.vcpus; i++)
		start_thread(vcpu_thread, (void *)(uintptr_t)i, VCPU_STACK);
	for (unsigned int i = 0; i < machine.devices; i++)
		if (!machine.device[i].own)
			start_thread(kicker_thread, &machine.device[i], KICKER_STACK);
	seal();
	say(CONTROL_RUNNING, 0, 0, "");
	pthread_mutex_unlock(&start);
	main_loop();
}
