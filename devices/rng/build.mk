$(eval $(call device,rng,main.o))
