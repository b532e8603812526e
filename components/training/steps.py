"""What is computed in one step of training, and in one of validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from slipline.components.errors import TrainingFailed
from slipline.components.training.team import Team


class Steps:
    """The graphs that train and validate a network, in a team.

    Many steps of training run in one graph: to call one for each takes a quarter more time with a small network.

    Attributes:
      model: The network.
      begun: Which step was the last to begin, of those asked for last, from 0; int32.
    """

    def __init__(self, model: keras.Model, team: Team) -> None:
        self.model = model
        self._team = team
        self._scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        self.begun = tf.Variable(0)
        self.train = tf.function(self._train)
        # Batches of any size, so that a last, smaller one needs no graph of its own.
        images = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)
        labels = tf.TensorSpec([None], tf.int64)
        self.validate = tf.function(self._validate, input_signature=[images, labels])
        self.finite = tf.function(self._finite_alone, input_signature=[images, labels])

    def _train(
        self, batches: Iterator[tuple[tf.Tensor, ...]], rates: tf.Tensor, first: tf.Tensor, count: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Takes some steps, one after the other.

        Args:
          batches: Of `tf.data`; this worker's part of each batch: images, float32 [n, height, width, channels]; labels,
            int64 [n]; and the weight of each example in the mean over the whole batch, float32 [n].
          rates: The learning rate of each step of the training, float32 [all steps].
          first: The place in `rates` of the first of these steps, int32.
          count: How many to take, int32.

        Returns:
          Of each whole batch: mean loss, float32 [count], and how many examples were classified right, int32 [count].

        Raises:
          InvalidArgumentError: In the step `begun`, loss or gradients are no longer finite; it has changed nothing.
        """
        losses, rights = tf.TensorArray(tf.float32, count), tf.TensorArray(tf.int32, count)
        for step in tf.range(count):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            self.begun.assign(step)
            loss, right = self._step(rates[first + step], *next(batches))
            losses, rights = losses.write(step, loss), rights.write(step, right)
        return losses.stack(), rights.stack()

    def _step(
        self, rate: tf.Tensor, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        self.model.optimizer.learning_rate = rate
        loss, correct, gradients = self._gradients(images, labels, weights)
        loss, correct, *gradients = self._team.summed([loss, correct, *gradients])
        with tf.control_dependencies([tf.debugging.Assert(self._finite(loss, gradients), [NOT_FINITE])]):
            self.model.optimizer.apply(gradients, self.model.trainable_variables)
        return loss, correct

    def _gradients(
        self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Loss, number of right answers, and gradients of a part of a batch, summed with the weights."""
        with tf.GradientTape() as tape:
            each, right = self._judged(images, labels, training=True)
            own = tf.reduce_sum(each * weights) + self._extra_losses()
            scaled = self.model.optimizer.scale_loss(own)
        variables = [variable.value for variable in self.model.trainable_variables]
        gradients = tape.gradient(scaled, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        correct = tf.math.count_nonzero(right & (weights > 0), dtype=tf.int32)
        return own, correct, [tf.convert_to_tensor(gradient) for gradient in gradients]

    def _validate(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The sum of the losses, and the number of right answers, of this worker's part."""
        each, right = self._judged(images, labels, training=False)
        return tf.reduce_sum(each), tf.math.count_nonzero(right, dtype=tf.int32)

    def _judged(self, images: tf.Tensor, labels: tf.Tensor, *, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """Loss of each example, float32 [n], and whether its class was the likeliest, bool [n]."""
        probabilities = tf.cast(self.model(images, training=training), tf.float32)
        right = tf.argmax(probabilities, axis=-1) == labels
        return keras.losses.sparse_categorical_crossentropy(labels, probabilities), right

    def _extra_losses(self) -> tf.Tensor:
        """What layers add to the loss, such as a regularizer: each worker's share of it."""
        return tf.cast(sum(self.model.losses), tf.float32) / self._team.workers

    def _finite(self, loss: tf.Tensor, gradients: Sequence[tf.Tensor]) -> tf.Tensor:
        """Whether loss and gradients are finite; of scaled gradients, the optimizer leaves out those that are not."""
        sums = [] if self._scaled else [tf.reduce_sum(gradient) for gradient in gradients]
        return tf.reduce_all(tf.math.is_finite(tf.stack([loss, *sums])))

    def _finite_alone(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The mean loss of some examples, in this worker alone, and whether it and its gradients are finite."""
        weights = tf.ones_like(labels, tf.float32) / tf.cast(tf.size(labels), tf.float32)
        loss, _, gradients = self._gradients(images, labels, weights)
        return loss, self._finite(loss, gradients)


class NotFinite(TrainingFailed):
    """A loss or its gradients are no longer finite; the chief says which."""


NOT_FINITE = "loss or gradients are no longer finite"
