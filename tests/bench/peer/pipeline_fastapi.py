"""The usual server of a Hugging Face model: its `pipeline` behind FastAPI.

python pipeline_fastapi.py MODEL PORT
One queue and one loop, as the documentation of pipelines advises for web servers: threads that run torch at the same
time slow each other down.
"""

import asyncio
import sys
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline


class Request(BaseModel):
    text: str


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.queue = asyncio.Queue()
    loop = asyncio.create_task(serve(app.state.queue))
    yield
    loop.cancel()


async def serve(queue: asyncio.Queue):
    classify = pipeline("text-classification", model=sys.argv[1], top_k=None)
    while True:
        text, answer = await queue.get()
        answer.set_result(await asyncio.to_thread(classify, text))


app = FastAPI(lifespan=lifespan)


@app.post("/predict")
async def predict(request: Request):
    answer = asyncio.get_running_loop().create_future()
    await app.state.queue.put((request.text, answer))
    return await answer


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
