# lguest-run's command line and configuration file, with what every device adds to it; nothing is opened for real.
FUZZ_options := tests/fuzz/options.c $(addprefix run/,options.c config.c say.c kind.c text.c cmdline.c foreign.c child.c cgroup.c) \
	$(wildcard $(foreach d,$(DEVICES),devices/$(d)/kind.c devices/$(d)/launch.c $(patsubst %.o,devices/$(d)/%.c,$(RUN_$(d)))))
FUZZ_options_FLAGS := -Ikmod/include/uapi -Ibuild/include -Dopen=fuzz_open -Dgetpwnam=fuzz_getpwnam -Disatty=fuzz_isatty
