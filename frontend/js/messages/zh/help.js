export default {
  title: '真实模型的图片',
  why: '此 Studio 使用内置引擎，它根据你的文字绘制占位图，让一切功能在任何机器上都能试用。真实图片需要 ComfyUI 和模型，由此 Studio 的管理者添加：',
  'step.install': '在运行 Studio 的机器上安装 ComfyUI 0.33 或更新版本。',
  'step.where': '指明它的位置和所用的 Python。位于 ~/ComfyUI、/opt/comfyui 或 Studio 文件夹旁时会自动找到。',
  'step.model': '在“模型”页安装检查点（如 SD 1.5 或 SDXL），或将其放入 Studio 的相应文件夹。',
  'step.start': '检查是否已找到，然后重新启动 Studio。',
  more: '也可以使用另一台机器上的 ComfyUI：在 STUDIO_ENGINE 中填写其地址。更多说明见 Studio 文件夹中的 README.md（“With real ComfyUI”）和 docs/configuration.md。',
};
