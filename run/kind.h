/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kind.h: a kind of device, as lguest-run knows it. devices/NAME/kind.c has the data and devices/NAME/launch.c the
 * functions; nothing else of run/ names a device. The linker gathers the kinds (section "device_kinds"), so that a folder
 * of devices/ is all that a new one needs: options, help, --explain, exit statuses and what lguest-core is told follow.
 *
 * launch.c runs in lguest-run, with all rights of the user and outside any sandbox. It may open what the user named
 * and print. It may not read a byte that a guest or a role wrote.
 */
#ifndef LGUEST_RUN_KIND_H
#define LGUEST_RUN_KIND_H

#include <stdbool.h>
#include <stdint.h>

struct role;
struct child;

#define KIND_LEAST_WINDOW (3ull << 20)	/* of a disk, and of what nothing else is known */
#define KIND_KEYS_MAX	8u	/* most keys of one kind */
#define KIND_MAX	32u	/* most kinds */

/**
 * struct kind_key - a key behind the comma: "serial=TEXT"
 * @name: what is typed, @bare: it takes no value
 * @wrong: says what is wrong with a value, as the end of "--block: serial=VALUE ...", or NULL. Optional.
 */
struct kind_key {
	const char *name;
	bool bare;
	const char *(*wrong)(const char *value);
};

/**
 * struct kind_launch - what lguest-run does for a device
 * @asked: the whole option is read: fill in what follows from it. Returns NULL, or the end of "--NAME ..." that says what is
 *	missing. Optional.
 * @open: open what the user named, at high numbers (child.h). Returns 0 or an exit status after complain(). Optional.
 * @same: would this device, which is not open yet, need for itself what the open one @of of its kind has? Optional.
 * @ring: its process works on io_uring only; @ring_keys: or does with these keys, NULL-terminated. Optional.
 * @size: bytes that a new process would serve of what is open, as large as that is now. Returns 0 when none would, with *@why: the end of "the image
 *	..." that says why not, which lives until the next call. NULL: it has no size.
 * @args: the role's arguments, and which descriptor it finds where; called for each of its processes. NULL: lguest-run starts
 *	no program for it.
 * @holds: print, for --explain, what its process would hold: the rest of a line
 */
struct kind_launch {
	const char *(*asked)(struct role *r);
	int (*open)(struct role *r);
	bool (*same)(const struct role *r, const struct role *of);
	bool ring;
	const char *const *ring_keys;
	uint64_t (*size)(const struct role *r, const char **why);
	void (*args)(struct role *r, struct child *c);
	void (*holds)(const struct role *r);
};

/*L:130
 * Options of devices are not in options.c: each folder of devices/ has one such structure (D:445, in chapter Drivers,
 * is a short one), and the linker puts them in a row. With the functions behind @launch it is all that lguest-run
 * knows of a kind of device. What stands under "What lguest-core is told" goes there as numbers, and the rest is what
 * a user may type and read.
 */
/**
 * struct device_kind - a kind of device
 * @name: of the option, of the device in messages, and, behind "lguest-", of its program
 * @status: exit status of lguest-run when its process could not be started (ipc/exit.h); kinds are listed in this order
 *
 * @memory: all that its process may use of the host, page cache of its image included, where a control group is delegated; 0: little
 *
 * What lguest-core is told:
 * @id: virtio device number (virtio 1.2, section 5); 0: only an option, no device of this name exists
 * @queues: queues that it has at least, @unit: queues that GET_QUEUE_NUM counts as one, 0 = 1
 * @config: sizes of its config space to ask for, largest first, up to a 0: a back end refuses what goes past its own
 * @hidden: feature bits that need a part of the device which a vhost-user back end does not have
 *
 * What the user may say; without @help there is no such option:
 * @object: what comes first, for "names nothing", or NULL; @value: the option always has a value
 * @prefix: a bare key that may also stand before the object, as "ro:", or NULL
 * @keys: ends with a NULL name, or NULL; keys of every device are not among them
 * @grammar, @help: what may be typed and what it means; @types: the names of all devices belong behind @grammar
 * @window: bytes of its window if nothing else is said, @least: the least that its driver gets on with; 0 = as a disk's
 * @always: a guest has one, of this object, unless another was asked for; @never: the object that means "none"
 *
 * @cmdline: put before the guest's command line when it has such a device and its user gave the parameter @cmdline_unless no value;
 *	@cmdline_root: and there is no initrd
 * @terminal: it serves the user's terminal: it is told of the window's size, and its user may leave the guest there
 */
struct device_kind {
	const char *name;
	const struct kind_launch *launch;
	int status;
	uint64_t memory;

	uint32_t id;
	unsigned int queues;
	unsigned int unit;
	uint32_t config[3];
	uint64_t hidden;

	const char *object;
	bool value;
	const char *prefix;
	const struct kind_key *keys;
	const char *grammar;
	const char *help;
	bool types;
	uint64_t window, least;
	const char *always;
	const char *never;

	const char *cmdline;
	const char *cmdline_unless;
	bool cmdline_root;
	bool terminal;
};

/* DEVICE_KIND(net, .id = 1, ...): the kind and its place in the linker's list; launch.c defines net_launch. */
#define DEVICE_KIND(id, ...) DEVICE_KIND_NAMED(id, #id, __VA_ARGS__)
#define DEVICE_KIND_NAMED(c_name, text, ...) \
	extern const struct kind_launch c_name##_launch; \
	static const struct device_kind c_name##_kind = { .name = text, .launch = &c_name##_launch, __VA_ARGS__ }; \
	static const struct device_kind *const c_name##_entry __attribute__((used, section("device_kinds"))) = &c_name##_kind

/** kinds() - all kinds, in the order of their exit statuses, NULL-terminated. */
const struct device_kind *const *kinds(void);

/** kind_of_option() - the kind that the option @name asks for, or NULL. */
const struct device_kind *kind_of_option(const char *name);

/** kind_of_device() - the kind of device @name, whoever serves it, or NULL. */
const struct device_kind *kind_of_device(const char *name);

/** kind_types() - the names of all devices, with @sep between them. Return: a text that lives until the next call. */
const char *kind_types(const char *sep);

/** kind_grammar() - what may be typed behind --NAME. Return: as kind_types(). */
const char *kind_grammar(const struct device_kind *kind);

#endif
