# The pinned environment of `make install`. docker build -t augbench . && docker run --gpus all augbench doctor
FROM python:3.12-slim

RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends git gcc g++ \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/augbench
COPY requirements.lock .
RUN pip install --no-cache-dir --quiet --require-hashes --requirement requirements.lock
COPY . .
RUN git config --system --add safe.directory /opt/augbench

# Results are written below /results, which is to be mounted: -v "$PWD/store:/results/store"
WORKDIR /results
ENV AUGBENCH_COMMAND=augbench
ENTRYPOINT ["python", "/opt/augbench/cli.py"]
CMD ["--help"]
