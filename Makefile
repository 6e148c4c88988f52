# Everything here works on a machine that has Debian 12, the Swift toolchain and make, and nothing else.

.DEFAULT_GOAL := help
.PHONY: help demo cluster test check benchmark format clean

help: ## Print this
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile | expand -t 20
	@echo
	@echo '  make demo DEMO_SECONDS=20               ends by itself; after a third of the time a node-agent is killed'
	@echo '  make demo KUBERNETES=1                  on a real API server; half-way the leader is stopped'

demo: ## Run a cluster-agent and three node-agents here, and show who runs what (root)
	@Tests/setup/packages $(if $(KUBERNETES),cluster)
	@DEMO_SECONDS='$(DEMO_SECONDS)' KUBERNETES='$(KUBERNETES)' manifests/demo/run

cluster: ## Start a hollow Kubernetes cluster that runs the image and the manifests, to play with (root)
	@Tests/setup/packages cluster image
	@Tests/hollow/cluster --image=cluster-agent:0.1.0="$$(Tests/setup/image)"

test: ## All tests, on a real API server too (root; the first time it builds kube-apiserver)
	@echo 'make test needs root when something is missing: it installs Debian packages, and builds kube-apiserver once.'
	@Tests/setup/packages cluster image benchmarks
	@Tests/setup/etcd >/dev/null
	@Tests/setup/kubernetes kube-apiserver kube-controller-manager kube-scheduler >/dev/null
	@Tests/setup/kubectl >/dev/null
	@Tests/setup/checkov >/dev/null
	@Tests/setup/image >/dev/null
	@Tests/run unit simulation repository acceptance fuzzing integration manifests optimised benchmarks

check: ## The fast tier: format, build, unit and simulation tests
	@Tests/setup/packages
	@Tests/run unit simulation repository

benchmark: ## Print the budgets of time and memory beside what is measured here (root the first time)
	@Tests/setup/packages load
	@Tests/load/benchmark

format: ## Format the sources
	swift format --in-place --recursive --parallel Package.swift Sources Tests

clean: ## Remove what was built (not the cache of kube-apiserver)
	rm -rf .build .build-release .demo
